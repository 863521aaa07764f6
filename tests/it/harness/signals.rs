//! Signals to processes, and their state.

use std::{fs, process::Command, thread, time::Duration};

use super::wait::PATIENCE;

/// The state and the parent of a process.
fn state_and_parent(id: u32) -> Option<(char, u32)> {
    state_of(&format!("/proc/{id}/stat"))
}

fn state_of(stat: &str) -> Option<(char, u32)> {
    let stat = fs::read_to_string(stat).ok()?;
    // The name of the program, in parentheses, may contain anything.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

pub fn is_running(id: u32) -> bool {
    state_and_parent(id).is_some_and(|(state, _)| state != 'Z')
}

/// A process and its children.
pub fn family(id: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let children = processes.filter(|child| state_and_parent(*child).is_some_and(|(_, parent)| parent == id));
    [id].into_iter().chain(children).collect()
}

/// Sends a signal by its name. Returns whether there was a process to send it to.
pub fn send(signal: &str, id: u32) -> bool {
    // `kill` is a shell builtin, so it needs no package.
    Command::new("sh").args(["-c", &format!("kill -{signal} {id} 2>/dev/null")]).status().unwrap().success()
}

/// Pauses a process, and waits until it is stopped: on a busy machine some of its threads run for a while after the
/// signal.
pub fn stand_still(id: u32) {
    send("STOP", id);
    let looks = PATIENCE.as_millis();
    let stands = (0..looks).any(|_| {
        thread::sleep(Duration::from_millis(1));
        let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return true };
        threads.flatten().all(|thread| {
            let state = state_of(&thread.path().join("stat").to_string_lossy());
            state.is_none_or(|(state, _)| matches!(state, 'T' | 'X' | 'Z'))
        })
    });
    assert!(stands, "process {id} does not stop");
}
