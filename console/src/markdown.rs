//! Pages of the manual as HTML. Raw HTML in them is shown and not obeyed, and links lead where the caller allows.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A part of a page, from one heading to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What the address ends in, behind `#`; empty before the first heading.
    pub anchor: String,
    /// From 1; 0 before the first heading.
    pub level: u8,
    /// The heading.
    pub title: String,
    /// The words below it.
    pub text: String,
}

/// Markdown as a page shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Sound HTML.
    pub html: String,
    /// Its parts in order.
    pub sections: Vec<Section>,
}

/// Renders `CommonMark` with tables. `resolve` says where a link leads, or that it leads nowhere; then only its words stay.
#[must_use]
pub fn render(markdown: &str, resolve: &dyn Fn(&str) -> Option<String>) -> Rendered {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut sections = vec![Section { anchor: String::new(), level: 0, title: String::new(), text: String::new() }];
    let mut taken: HashMap<String, u32> = HashMap::new();
    // Where the heading that is being read began among the events.
    let mut heading: Option<(usize, HeadingLevel)> = None;
    let mut dropped_links = 0_u32;
    let mut in_image = 0_u32;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        if let Event::Text(text) | Event::Code(text) = &event
            && let Some(section) = sections.last_mut()
        {
            let into = if heading.is_some() { &mut section.title } else { &mut section.text };
            into.push_str(text);
        }
        match event {
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Image { .. }) => in_image += 1,
            Event::End(TagEnd::Image) => in_image = in_image.saturating_sub(1),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => match resolve(&dest_url) {
                Some(address) if in_image == 0 => {
                    events.push(Event::Start(Tag::Link { link_type, dest_url: CowStr::from(address), title, id }));
                }
                _ => dropped_links += 1,
            },
            Event::End(TagEnd::Link) if dropped_links > 0 => dropped_links -= 1,
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some((events.len(), level));
                sections.push(Section {
                    anchor: String::new(),
                    level: level as u8,
                    title: String::new(),
                    text: String::new(),
                });
                events.push(Event::Start(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() }));
            }
            Event::End(TagEnd::Heading(level)) => {
                if let (Some((at, level)), Some(section)) = (heading.take(), sections.last_mut()) {
                    section.anchor = unique(anchor(&section.title), &mut taken);
                    let id = Some(CowStr::from(section.anchor.clone()));
                    events[at] = Event::Start(Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() });
                }
                events.push(Event::End(TagEnd::Heading(level)));
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(section) = sections.last_mut() {
                    section.text.push(' ');
                }
                events.push(event);
            }
            Event::End(end) => {
                if let (None, Some(section)) = (heading, sections.last_mut()) {
                    section.text.push(' ');
                }
                events.push(Event::End(end));
            }
            other => events.push(other),
        }
    }
    let mut html = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut html, events.into_iter());
    Rendered { html, sections }
}

/// What a heading's address ends in: its letters and digits in small letters, the rest as hyphens.
fn anchor(title: &str) -> String {
    let mut made = String::with_capacity(title.len());
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() || c == '_' {
            made.push(c);
        } else if (c == ' ' || c == '-') && !made.ends_with('-') {
            made.push('-');
        }
    }
    let made = made.trim_matches('-');
    if made.is_empty() { "section".to_owned() } else { made.to_owned() }
}

fn unique(anchor: String, taken: &mut HashMap<String, u32>) -> String {
    let count = taken.entry(anchor.clone()).and_modify(|count| *count += 1).or_insert(0);
    if *count == 0 { anchor } else { format!("{anchor}-{count}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(markdown: &str) -> Rendered {
        render(markdown, &|address| (!address.contains(':')).then(|| format!("/help/{address}")))
    }

    #[test]
    fn what_could_run_is_shown_and_not_obeyed() {
        for markdown in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[go](javascript:alert(1))",
            "![x](javascript:alert(1))",
            "<javascript:alert(1)>",
            "# <b onclick=x>hi</b>",
            "| <script> |\n|---|\n| <iframe> |",
        ] {
            let html = of(markdown).html;
            for harm in ["<script", "<img", "<iframe", "<b ", "href=\"javascript"] {
                assert!(!html.contains(harm), "{markdown}: {html}");
            }
        }
    }

    #[test]
    fn headings_are_addresses_and_no_two_are_the_same() {
        let found = of("# One way\n\ntext `code`\n\n## Steps\n\na\n\n## Steps\n\nb\n");
        let anchors: Vec<_> = found.sections.iter().map(|section| section.anchor.as_str()).collect();
        assert_eq!(anchors, ["", "one-way", "steps", "steps-1"]);
        assert!(found.html.contains("<h2 id=\"steps-1\">"), "{}", found.html);
        assert_eq!(found.sections[1].text.trim(), "text code");
    }

    #[test]
    fn a_link_that_leads_nowhere_keeps_its_words() {
        let html = of("[here](week-1) and [there](https://example.org)").html;
        assert!(html.contains("<a href=\"/help/week-1\">here</a> and there"), "{html}");
    }
}
