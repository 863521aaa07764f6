//! A persistent connection, like those of proxies.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use url::Url;

/// A connection to a portal.
#[derive(Debug)]
pub struct KeptConnection {
    host: String,
    stream: BufReader<TcpStream>,
}

/// An answer on it.
#[derive(Debug)]
pub struct KeptAnswer {
    pub status: u16,
    pub head: String,
}

impl KeptAnswer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl KeptConnection {
    pub async fn to(base: &str) -> Self {
        let url = Url::parse(base).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
        Self { host: url.authority().to_owned(), stream: BufReader::new(stream) }
    }

    /// Requests a page, and reads the whole answer.
    pub async fn get(&mut self, path: &str, cookie: &str) -> KeptAnswer {
        self.try_get(path, cookie).await.unwrap_or_else(|| panic!("{path}: it ended without an answer"))
    }

    /// The same where it may be that the other side ends the connection before it has read the request: then there is no
    /// answer, and the request may be sent again (RFC 9112, section 9.3.1).
    pub async fn try_get(&mut self, path: &str, cookie: &str) -> Option<KeptAnswer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\n\r\n", self.host);
        self.stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).await.unwrap_or(0);
            if read == 0 && head.is_empty() {
                return None;
            }
            assert!(read > 0, "it broke off: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = KeptAnswer { status, head };
        let mut body = vec![0; answer.header("content-length").unwrap().parse().unwrap()];
        self.stream.read_exact(&mut body).await.unwrap();
        Some(answer)
    }

    /// Whether the other side closes it without sending more.
    pub async fn has_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.is_ok() && rest.is_empty()
    }
}
