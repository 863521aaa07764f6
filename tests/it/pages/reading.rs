//! Reads pages: their links, and the names in a folder.

use crate::harness::Answer;

/// The links of a page, with what they say.
pub fn links(page: &Answer) -> Vec<(String, String)> {
    let links = page.body.split("<a ").skip(1).map(|rest| {
        let href = rest.split_once("href=\"").unwrap().1.split('"').next().unwrap();
        let label = rest.split_once('>').unwrap().1.split("</a>").next().unwrap();
        (plain(label), plain(href))
    });
    links.collect()
}

/// Text without tags and references.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text += part.split_once('>').map_or(part, |(_, rest)| rest);
    }
    for (reference, character) in [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")] {
        text = text.replace(reference, character);
    }
    text
}

pub fn href(page: &Answer, label: &str) -> String {
    let links = links(page);
    let found = links.iter().find(|(text, _)| text == label);
    found.unwrap_or_else(|| panic!("no link {label:?} among {links:?}")).1.clone()
}

/// The names in a folder, in their order.
pub fn names(page: &Answer) -> Vec<String> {
    let rows = page.body.split("<th role=\"rowheader\"").skip(1);
    rows.map(|row| plain(row.split_once("<bdi>").unwrap().1.split("</bdi>").next().unwrap())).collect()
}
