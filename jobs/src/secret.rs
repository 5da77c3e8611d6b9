//! Resolves references to secrets: `env:NAME` or `file:PATH`. The value goes to the probe and nowhere else.

use workbench_probes::Secret;

/// The secret behind a reference; an error names the reference, never a value.
pub fn resolve(reference: &str) -> Result<Secret, String> {
    match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name)
            .map(Secret::new)
            .map_err(|_| format!("the environment variable `{name}` that holds the probes' secret is not set")),
        Some(("file", path)) => std::fs::read_to_string(path)
            .map(|text| Secret::new(text.trim_end()))
            .map_err(|error| format!("the file `{path}` that holds the probes' secret could not be read: {error}")),
        _ => Err(format!("`{reference}` is no reference to a secret; use `env:NAME` or `file:PATH`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_never_quotes_what_may_be_a_secret() {
        let missing = resolve("env:WORKBENCH_TEST_NO_SUCH_VARIABLE");
        assert!(missing.is_err_and(|error| error.contains("WORKBENCH_TEST_NO_SUCH_VARIABLE")));
    }
}
