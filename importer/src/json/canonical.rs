//! The canonical form of JSON (RFC 8785): the bytes that a signature is over, whoever wrote the file and however.

use std::fmt::Write as _;

use super::JsonValue;

/// Writes a value in canonical form; `None` where a number is too large for the form, which knows IEEE doubles only.
pub(crate) fn canonical(value: &JsonValue) -> Option<String> {
    let mut out = String::new();
    write(value, &mut out).then_some(out)
}

fn write(value: &JsonValue, out: &mut String) -> bool {
    match value {
        JsonValue::Null => out.push_str("null"),
        JsonValue::Truth(truth) => out.push_str(if *truth { "true" } else { "false" }),
        JsonValue::Number(digits) => match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => out.push_str(ryu_js::Buffer::new().format_finite(number)),
            _ => return false,
        },
        JsonValue::Text(text) => write_text(text, out),
        JsonValue::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                if !write(item, out) {
                    return false;
                }
            }
            out.push(']');
        }
        JsonValue::Object(members) => {
            // Keys are ordered by UTF-16 code units, as JavaScript orders them.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(one, _), (two, _)| one.encode_utf16().cmp(two.encode_utf16()));
            out.push('{');
            for (position, (key, item)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                if !write(item, out) {
                    return false;
                }
            }
            out.push('}');
        }
    }
    true
}

/// Writes a text as a JSON string.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    write_inside(text, out);
    out.push('"');
}

/// Writes what stands between the quotation marks of a JSON string.
pub(crate) fn write_inside(text: &str, out: &mut String) {
    let mut rest = text;
    // Most texts have nothing to escape and are copied whole.
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            Some(control) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn form(text: &str) -> String {
        canonical(&parse(text).expect("JSON")).expect("numbers that fit")
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        // RFC 8785, 3.2.2 to 3.2.4.
        let text = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                        \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(form(text), expected);
        let keys = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(form(keys), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        assert_eq!(form("[-0, 1e21, 9007199254740993, 1e-7, 100, 0.1]"), "[0,1e+21,9007199254740992,1e-7,100,0.1]");
        assert_eq!(canonical(&parse("1e999").expect("JSON")), None);
    }

    #[test]
    fn the_form_of_the_form_is_itself() {
        let once = form(r#" { "b" : [ 1.50 , "\u0001" ] , "a" : { } } "#);
        assert_eq!(form(&once), once);
    }
}
