//! Ends quietly where nobody reads what is printed any more, as behind `| head`.

use std::panic;
use std::process;

/// What a shell says of a program that wrote to a closed pipe: 128 and the number of SIGPIPE.
const CLOSED_PIPE: i32 = 141;

/// Makes a closed standard output the end of the process, for commands whose only purpose is what they print.
///
/// Rust ignores SIGPIPE, and `println!` panics instead, so this is the one place that every command passes. To take the signal
/// after all would end a client, too, whose daemon has hung up and whose error is worth saying.
pub(super) fn end_quietly() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let closed = panic
            .payload_as_str()
            .is_some_and(|text| text.starts_with("failed printing to stdout") && text.contains("Broken pipe"));
        if closed {
            process::exit(CLOSED_PIPE);
        }
        usual(panic);
    }));
}
