//! What is in a file: bytes that follow from its path, so that it is the same whenever any part of it is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::ground::random;

/// How much is made at a time.
const CHUNK: u64 = 64 * 1024;
const TEXT_LINE: u64 = 64;
const TABLE_LINE: u64 = 32;
const SENTENCES: [&str; 4] = [
    "Nothing in this file is real.",
    "A sandbox has made it up, line by line.",
    "It is the same whenever you read it.",
    "Whoever needs real data must measure it.",
];

/// The bytes of a file.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Markdown,
    Table,
    Noise,
}

impl Content {
    /// Of the file at this path of a collection.
    pub(crate) fn of(collection: &str, path: &str) -> Self {
        let hash = random::hex_sha256(&format!("{collection} {path}"));
        let form = match path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
            Some("txt" | "log") => Form::Text,
            Some("md") => Form::Markdown,
            Some("csv") => Form::Table,
            _ => Form::Noise,
        };
        Self { seed: u64::from_str_radix(&hash[..16], 16).unwrap_or_default(), form }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self.form {
            Form::Text => "text/plain; charset=utf-8",
            Form::Markdown => "text/markdown; charset=utf-8",
            Form::Table => "text/csv; charset=utf-8",
            Form::Noise => "application/octet-stream",
        }
    }

    /// The bytes from one place to another.
    fn bytes(self, from: u64, to: u64) -> Vec<u8> {
        let unit = match self.form {
            Form::Text | Form::Markdown => TEXT_LINE,
            Form::Table => TABLE_LINE,
            Form::Noise => 8,
        };
        let mut bytes = Vec::new();
        for number in from / unit..to.div_ceil(unit) {
            match self.form {
                Form::Text | Form::Markdown => bytes.extend(self.line(number).into_bytes()),
                Form::Table => bytes.extend(self.row(number).into_bytes()),
                Form::Noise => bytes.extend(self.word(number).to_le_bytes()),
            }
        }
        let skip = usize::try_from(from % unit).unwrap_or_default();
        let wanted = usize::try_from(to - from).unwrap_or_default();
        bytes.into_iter().skip(skip).take(wanted).collect()
    }

    fn line(self, number: u64) -> String {
        let sentence = SENTENCES[usize::try_from(self.seed.wrapping_add(number) % 4).unwrap_or_default()];
        format!("{:>9}. {sentence:<52}\n", (number + 1) % 1_000_000_000)
    }

    fn row(self, number: u64) -> String {
        if number == 0 {
            return format!("{:>9},{:>10},{:>10}\n", "number", "first", "second");
        }
        let word = self.word(number);
        format!("{:>9},{:>10},{:>10}\n", number % 1_000_000_000, word % 1_000_000, word >> 40)
    }

    /// SplitMix64: well mixed, and any word without those before it.
    fn word(self, number: u64) -> u64 {
        let mut word = self.seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

/// Part of a file as the body of an answer, made while it is sent.
pub(crate) struct Part {
    pub(crate) content: Content,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Body for Part {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.get_mut();
        if part.from >= part.to {
            return Poll::Ready(None);
        }
        let end = part.to.min(part.from.saturating_add(CHUNK));
        let bytes = part.content.bytes(part.from, end);
        part.from = end;
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.from >= self.to
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.to.saturating_sub(self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Form};

    #[test]
    fn every_part_of_a_file_is_that_part_of_the_whole() {
        for name in ["/a.txt", "/a.csv", "/a.MD", "/a"] {
            let content = Content::of("id", name);
            let whole = content.bytes(0, 1_000);
            assert_eq!(whole.len(), 1_000, "{name}");
            for (from, to) in [(0, 0), (0, 1), (31, 65), (63, 64), (999, 1_000), (100, 900)] {
                let part = content.bytes(from, to);
                assert_eq!(part, whole[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()], "{name} {from}");
            }
            assert!(content.form == Form::Noise || whole.is_ascii());
            assert_ne!(content.bytes(0, 1_000), Content::of("other", name).bytes(0, 1_000), "{name}");
        }
    }
}
