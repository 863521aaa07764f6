//! A client that costs as little as it can: blocking sockets that are kept open, and just enough HTTP to read an answer.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer: its status, and the headers that matter here.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub location: String,
    pub cookies: Vec<String>,
    pub length: usize,
}

/// One connection to a server.
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream: BufReader::new(stream), line: String::new(), body: Vec::new() }
    }

    /// Sends one GET and reads the answer whole.
    pub fn get(&mut self, target: &str, cookies: &str) -> Answer {
        let cookie = if cookies.is_empty() { String::new() } else { format!("cookie: {cookies}\r\n") };
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\n{cookie}\r\n");
        self.send(&request)
    }

    /// Sends a form of a page, and reads the answer whole.
    pub fn post(&mut self, target: &str, cookies: &str, form: &str) -> Answer {
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\nsec-fetch-site: same-origin\r\n"
        );
        let kind = format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n", form.len());
        self.send(&format!("{head}{kind}cookie: {cookies}\r\n\r\n{form}"))
    }

    /// How often the last answer has a text.
    pub fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.body).matches(text).count()
    }

    /// What the last answer has after a text.
    pub fn after(&self, text: &str) -> String {
        let body = String::from_utf8_lossy(&self.body);
        body.split_once(text).map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    }

    /// Sends these bytes, which are one request, and reads the answer whole.
    pub fn send(&mut self, request: &str) -> Answer {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut answer = Answer::default();
        let status = self.read_line().split(' ').nth(1).and_then(|status| status.parse().ok());
        answer.status = status.unwrap_or_else(|| panic!("no status: {:?}", self.line));
        loop {
            let line = self.read_line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or_default();
            // nginx writes them with capitals.
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("location") {
                answer.location = value.to_owned();
            } else if is("content-length") {
                answer.length = value.parse().unwrap();
            } else if is("set-cookie") {
                answer.cookies.push(value.split(';').next().unwrap_or_default().to_owned());
            }
        }
        self.body.resize(answer.length, 0);
        self.stream.read_exact(&mut self.body).unwrap();
        answer
    }

    fn read_line(&mut self) -> &str {
        self.line.clear();
        self.stream.read_line(&mut self.line).unwrap();
        self.line.trim_end()
    }
}

/// Runs `work` on so many connections at the same time, on each `rounds` times, and gives what came of it.
pub fn on_connections<T: Send>(
    address: SocketAddr,
    connections: usize,
    rounds: usize,
    work: impl Fn(&mut Connection) -> T + Sync,
) -> Vec<T> {
    std::thread::scope(|scope| {
        let run = || {
            let mut connection = Connection::open(address);
            (0..rounds).map(|_| work(&mut connection)).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
