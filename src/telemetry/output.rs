//! An output that never blocks its callers: a separate thread writes the lines, so that a full disk, a closed pipe or a
//! stalled reader costs nothing but lines. Lost lines are counted.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How much text may wait to be written, in bytes: a few thousand lines.
const MAX_WAITING: usize = 1 << 20;
/// How often to try again to say that lines were lost, while no other line comes.
const TRY_AGAIN_AFTER: Duration = if cfg!(test) { Duration::from_millis(5) } else { Duration::from_secs(5) };
/// The pause before retrying a write that would block: another process may have made the output non-blocking.
const PAUSE: Duration = Duration::from_millis(20);

/// Makes the line that says how many lines were lost; an empty one says nothing.
type Notice = fn(u64) -> String;

/// Lines on their way to a file, a pipe or a terminal. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything has been written, or given up.
    emptied: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whole lines.
    waiting: Vec<u8>,
    /// Whether the thread has taken lines that it has not finished.
    writing: bool,
}

impl Output {
    /// Starts the thread that writes to `to`. Where the system gives none, every line counts as lost.
    pub(crate) fn start(name: &str, to: impl Write + Send + 'static, notice: Notice) -> Self {
        let output = Self(Arc::default());
        let writer = Writer { shared: output.0.clone(), to, notice, said: 0, torn: false };
        let started = thread::Builder::new().name(name.to_owned()).spawn(move || writer.run());
        if started.is_err() {
            // No thread will write, so leave no room.
            output.0.queue().waiting.resize(MAX_WAITING, b'\n');
        }
        output
    }

    /// Adds one line, without the newline at its end. Returns at once, whatever the output does.
    pub(crate) fn push(&self, line: &str) {
        let mut queue = self.0.queue();
        if queue.waiting.len() + line.len() >= MAX_WAITING {
            drop(queue);
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = queue.waiting.is_empty();
        queue.waiting.extend_from_slice(line.as_bytes());
        queue.waiting.push(b'\n');
        drop(queue);
        if was_empty {
            self.0.filled.notify_one();
        }
    }

    /// How many lines could not be written so far.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Waits until every line is written or lost, for at most `limit`. Returns whether that happened.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut queue = self.0.queue();
        while queue.writing || !queue.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue = self.0.emptied.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Writer<W> {
    shared: Arc<Shared>,
    to: W,
    notice: Notice,
    /// How many lost lines have been reported.
    said: u64,
    /// Whether the output ends in the middle of a line.
    torn: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut lines = Vec::new();
        loop {
            self.take(&mut lines);
            if self.report_lost() {
                self.write(&lines);
            } else {
                self.lose(&lines);
            }
            lines.clear();
        }
    }

    /// Takes the waiting lines. If lost lines must be reported, it does not wait forever for others.
    fn take(&self, lines: &mut Vec<u8>) {
        let mut queue = self.shared.queue();
        queue.writing = false;
        while queue.waiting.is_empty() {
            self.shared.emptied.notify_all();
            let filled = &self.shared.filled;
            if self.shared.lost.load(Ordering::Relaxed) == self.said {
                queue = filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (again, timeout) = filled.wait_timeout(queue, TRY_AGAIN_AFTER).unwrap_or_else(PoisonError::into_inner);
            queue = again;
            if timeout.timed_out() {
                break;
            }
        }
        queue.writing = true;
        mem::swap(lines, &mut queue.waiting);
    }

    /// Says how many lines were lost, if any were. Returns whether writing works, as far as that is known.
    fn report_lost(&mut self) -> bool {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        if lost == self.said {
            return true;
        }
        let mut notice = (self.notice)(lost - self.said).into_bytes();
        if !notice.is_empty() {
            notice.push(b'\n');
        }
        let is_said = self.write_all(&notice).is_ok();
        if is_said {
            self.said = lost;
        }
        is_said
    }

    fn write(&mut self, lines: &[u8]) {
        if let Err(written) = self.write_all(lines) {
            self.lose(&lines[written..]);
        }
    }

    fn lose(&self, lines: &[u8]) {
        let lost = lines.iter().filter(|byte| **byte == b'\n').count();
        self.shared.lost.fetch_add(lost as u64, Ordering::Relaxed);
    }

    /// Writes all of it, or returns how many bytes got through.
    fn write_all(&mut self, text: &[u8]) -> Result<(), usize> {
        if self.torn && !text.is_empty() {
            self.write_some(b"\n")?;
        }
        let result = self.write_some(text);
        let written = result.map_or_else(|written| written, |()| text.len());
        if written > 0 {
            self.torn = text[written - 1] != b'\n';
        }
        result
    }

    fn write_some(&mut self, text: &[u8]) -> Result<(), usize> {
        let mut written = 0;
        while written < text.len() {
            match self.to.write(&text[written..]) {
                Ok(0) => return Err(written),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => return Err(written),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex, mpsc},
        thread,
        time::Duration,
    };

    use super::{MAX_WAITING, Output};

    const LONG: Duration = Duration::from_secs(60);

    /// What the next writes do.
    #[derive(Clone, Copy)]
    enum Next {
        Work,
        Fail,
        /// Takes so many bytes, and fails from then on.
        TearAfter(usize),
        /// Says once that it would block.
        WouldBlock,
    }

    /// A file whose disk fills and empties as the test wants.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<(Next, String)>>);

    impl Disk {
        fn new() -> Self {
            Self(Arc::new(Mutex::new((Next::Work, String::new()))))
        }

        fn next(&self, next: Next) {
            self.0.lock().unwrap().0 = next;
        }

        fn text(&self) -> String {
            self.0.lock().unwrap().1.clone()
        }
    }

    impl Write for Disk {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            let taken = match disk.0 {
                Next::Work => text.len(),
                Next::Fail | Next::TearAfter(0) => return Err(io::ErrorKind::StorageFull.into()),
                Next::TearAfter(most) => most.min(text.len()),
                Next::WouldBlock => {
                    disk.0 = Next::Work;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            };
            if let Next::TearAfter(most) = disk.0 {
                disk.0 = Next::TearAfter(most - taken);
            }
            disk.1.push_str(std::str::from_utf8(&text[..taken]).unwrap());
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn notice(lost: u64) -> String {
        format!("lost {lost}")
    }

    #[test]
    fn lines_are_written_in_their_order() {
        let disk = Disk::new();
        let output = Output::start("test", disk.clone(), notice);
        let lines: Vec<String> = (0..1000).map(|number| format!("line {number}")).collect();
        for (number, line) in lines.iter().enumerate() {
            if number % 100 == 0 {
                disk.next(Next::WouldBlock);
            }
            output.push(line);
        }
        assert!(output.flush(LONG));
        assert_eq!(disk.text().lines().collect::<Vec<_>>(), lines);
        assert_eq!(output.lost(), 0);
    }

    #[test]
    fn lines_lost_to_a_full_disk_are_counted_and_reported_once_it_has_room() {
        let disk = Disk::new();
        let output = Output::start("test", disk.clone(), notice);
        disk.next(Next::Fail);
        for lost in 1..=3 {
            output.push("a line");
            assert!(output.flush(LONG));
            assert_eq!(output.lost(), lost);
        }
        disk.next(Next::Work);
        output.push("a later line");
        assert!(output.flush(LONG));
        assert_eq!(disk.text(), "lost 3\na later line\n");
        output.push("another");
        assert!(output.flush(LONG));
        assert_eq!(disk.text(), "lost 3\na later line\nanother\n");
    }

    #[test]
    fn the_report_does_not_wait_for_another_line() {
        let disk = Disk::new();
        let output = Output::start("test", disk.clone(), notice);
        disk.next(Next::Fail);
        output.push("a line");
        assert!(output.flush(LONG));
        disk.next(Next::Work);
        while disk.text() != "lost 1\n" {
            thread::yield_now();
        }
    }

    #[test]
    fn a_line_that_was_broken_off_counts_as_lost_and_the_next_one_stands_alone() {
        let disk = Disk::new();
        let output = Output::start("test", disk.clone(), notice);
        disk.next(Next::TearAfter(4));
        output.push("a line");
        assert!(output.flush(LONG));
        assert_eq!(output.lost(), 1);
        disk.next(Next::Work);
        output.push("a later line");
        assert!(output.flush(LONG));
        assert_eq!(disk.text(), "a li\nlost 1\na later line\n");
    }

    /// A pipe whose reader takes something only when the test says so.
    struct Pipe {
        may_write: mpsc::Receiver<()>,
        disk: Disk,
    }

    impl Write for Pipe {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            // The sender is gone once the reader reads everything.
            let _ = self.may_write.recv();
            self.disk.write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_stopped_holds_up_nobody_and_costs_what_does_not_fit() {
        let (reads, may_write) = mpsc::channel();
        let disk = Disk::new();
        let output = Output::start("test", Pipe { may_write, disk: disk.clone() }, notice);
        let line = "x".repeat(1023);
        let pushed = 3 * MAX_WAITING / 1024;
        (0..pushed).for_each(|_| output.push(&line));
        let lost = output.lost();
        assert!(lost >= (pushed / 3) as u64, "{lost}");
        assert!(!output.flush(Duration::from_millis(1)));
        drop(reads);
        assert!(output.flush(LONG));
        output.push("a later line");
        assert!(output.flush(LONG));
        assert_eq!(output.lost(), lost);
        let text = disk.text();
        assert_eq!(text.lines().filter(|written| **written == line).count() as u64 + lost, pushed as u64);
        assert!(text.ends_with("a later line\n") && text.contains(&format!("lost {lost}\n")), "{lost}");
    }
}
