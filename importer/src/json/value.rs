//! One JSON value in memory.

use super::{MAX_DEPTH, MAX_VALUES};

/// A JSON value. Numbers keep their digits; members keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonValue {
    Null,
    Truth(bool),
    Number(String),
    Text(String),
    List(Vec<JsonValue>),
    Object(Vec<(String, JsonValue)>),
}

impl JsonValue {
    /// A member of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What follows the steps of a path; a number takes an element of a list, from 0.
    pub(crate) fn follow(&self, steps: &[String]) -> Option<&Self> {
        steps.iter().try_fold(self, |value, step| match value {
            Self::List(items) => items.get(step.parse::<usize>().ok()?),
            other => other.get(step),
        })
    }
}

/// Why a text is no JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonFault {
    /// Stable name of the kind of fault.
    pub(crate) code: &'static str,
    /// Where, in bytes from the start of the text.
    pub(crate) at: usize,
    pub(crate) why: String,
    /// Whether the text ended too early.
    pub(crate) unfinished: bool,
}

/// Reads a text that is one JSON value.
pub(crate) fn parse(text: &str) -> Result<JsonValue, JsonFault> {
    let mut parser = Parser { text, at: 0, values: 0 };
    let value = parser.value(0)?;
    parser.space();
    if parser.at < text.len() { Err(parser.fault("there is more behind the value")) } else { Ok(value) }
}

/// A key that stands more than once. Sorting keeps the cost low however many keys there are.
fn repeated(members: &[(String, JsonValue)]) -> Option<&str> {
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).find_map(|pair| match pair {
        [one, two] if one == two => Some(*one),
        _ => None,
    })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl Parser<'_> {
    fn fault(&self, why: impl Into<String>) -> JsonFault {
        JsonFault { code: "json_malformed", at: self.at, why: why.into(), unfinished: self.at >= self.text.len() }
    }

    fn coded(&self, code: &'static str, why: impl Into<String>) -> JsonFault {
        JsonFault { code, at: self.at, why: why.into(), unfinished: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonFault> {
        self.space();
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.fault(format!("expected `{}`", char::from(byte))))
    }

    fn value(&mut self, depth: usize) -> Result<JsonValue, JsonFault> {
        self.space();
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.coded("too_many_values", format!("there are more than {MAX_VALUES} values")));
        }
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                Err(self.coded("nesting_too_deep", format!("objects and lists are nested deeper than {MAX_DEPTH}")))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(JsonValue::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", JsonValue::Truth(true)),
            Some(b'f') => self.word("false", JsonValue::Truth(false)),
            Some(b'n') => self.word("null", JsonValue::Null),
            _ => Err(self.fault("expected a value")),
        }
    }

    fn word(&mut self, word: &str, value: JsonValue) -> Result<JsonValue, JsonFault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        let cut = word.starts_with(rest);
        let mut fault = self.fault(format!("expected `{word}`"));
        fault.unfinished = cut;
        Err(fault)
    }

    fn object(&mut self, depth: usize) -> Result<JsonValue, JsonFault> {
        let start = self.at;
        self.expect(b'{')?;
        let mut members: Vec<(String, JsonValue)> = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(JsonValue::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.fault("expected a key in quotes"));
            }
            let key = self.string()?;
            self.expect(b':')?;
            members.push((key, self.value(depth + 1)?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    if let Some(key) = repeated(&members) {
                        let why = format!("the key `{}` stands twice in one object", crate::issue::shorten(key));
                        self.at = start;
                        return Err(self.coded("json_key_duplicate", why));
                    }
                    self.at += 1;
                    return Ok(JsonValue::Object(members));
                }
                _ => return Err(self.fault("expected `,` or `}`")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<JsonValue, JsonFault> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(JsonValue::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(JsonValue::List(items));
                }
                _ => return Err(self.fault("expected `,` or `]`")),
            }
        }
    }

    fn number(&mut self) -> Result<JsonValue, JsonFault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.digits();
        if whole == 0 {
            return Err(self.fault("expected a digit"));
        }
        if whole > 1 && self.text.as_bytes().get(self.at - whole) == Some(&b'0') {
            return Err(self.fault("a number must not start with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.fault("expected a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.fault("expected a digit"));
            }
        }
        Ok(JsonValue::Number(self.text.get(start..self.at).unwrap_or_default().to_owned()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<String, JsonFault> {
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let stop = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            let Some(stop) = stop else {
                self.at = self.text.len();
                return Err(self.fault("a text is not closed"));
            };
            value.push_str(rest.get(..stop).unwrap_or_default());
            self.at += stop;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => value.push(self.escape()?),
                _ => return Err(self.fault("a control character stands bare in a text")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
        self.at += 1;
        let Some(byte) = self.peek() else { return Err(self.fault("a text is not closed")) };
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.fault("`\\` is followed by a character that it does not go with")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// The character of `\uXXXX`, or of two of them for one beyond the first plane.
    fn unicode(&mut self) -> Result<char, JsonFault> {
        let start = self.at;
        let lone = || JsonFault {
            code: "surrogate_lone",
            at: start,
            why: "half a character stands alone (a lone surrogate)".to_owned(),
            unfinished: false,
        };
        let first = self.unit()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        if first >= 0xdc00 || !rest.starts_with("\\u") {
            return Err(lone());
        }
        self.at += 1;
        let second = self.unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(lone());
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(lone)
    }

    /// The four hexadecimal digits behind a `u`.
    fn unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let unit = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(unit) = unit else {
            let mut fault = self.fault("`\\u` must be followed by four hexadecimal digits");
            fault.unfinished = self.at + 5 > self.text.len();
            return Err(fault);
        };
        self.at += 5;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> &'static str {
        parse(text).expect_err("no JSON").code
    }

    #[test]
    fn values_keep_what_is_written() {
        let value = parse(r#" {"a": [1.10, -0, 1e5, true, null], "b\n": "é\u00e9\ud83d\ude00\/"} "#).expect("JSON");
        let list = value.get("a").expect("a member");
        assert_eq!(list.follow(&["0".into()]), Some(&JsonValue::Number("1.10".into())));
        assert_eq!(list.follow(&["3".into()]), Some(&JsonValue::Truth(true)));
        assert_eq!(value.get("b\n"), Some(&JsonValue::Text("éé😀/".into())));
        assert_eq!(value.follow(&["a".into(), "9".into()]), None);
    }

    #[test]
    fn what_others_pass_over_has_a_code() {
        assert_eq!(code(r#"{"a":1,"\u0061":2}"#), "json_key_duplicate");
        for lone in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\ud800x""#] {
            assert_eq!(code(lone), "surrogate_lone", "{lone}");
        }
        assert_eq!(code(&"[".repeat(100_000)), "nesting_too_deep");
        for wrong in
            ["", "[1,]", "{,}", "01", "1.", "+1", "'a'", "nul", "[1] 2", "\"a\nb\"", "\"\\x\"", "\"\\u12g4\"", "{a:1}"]
        {
            assert_eq!(code(wrong), "json_malformed", "{wrong}");
        }
        assert!(parse(r#"{"a": "b"#).expect_err("cut").unfinished);
        assert!(!parse(r#"{"a" "b"}"#).expect_err("wrong").unfinished);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[\\[\\]{}\",:\\\\u0-9a-fdtrn.eE+ -]{0,60}") {
            // What we accept, the common parser accepts; it accepts more, such as keys that stand twice.
            if parse(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok() || text.contains(['e', 'E']));
            }
        }

        #[test]
        fn what_is_written_is_read(text in ".*") {
            let written = serde_json::Value::from(text.as_str()).to_string();
            prop_assert_eq!(parse(&written), Ok(JsonValue::Text(text)));
        }
    }
}
