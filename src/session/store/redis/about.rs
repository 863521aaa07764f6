//! What a Redis server reports about itself and about the rights of its user, and what to do about it.

use super::super::error::StoreError;

/// One value of the server's `INFO`.
pub(super) fn fact<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// What is wrong with the configuration of a server, judging by its `INFO` and, if known, its setting `save`.
pub(super) fn warnings(info: &str, saves: Option<&str>) -> Vec<String> {
    let policy = fact(info, "maxmemory_policy").filter(|policy| *policy != "noeviction");
    let dropped = policy.map(|policy| {
        let what = if policy.starts_with("allkeys") {
            "sessions and tokens"
        } else {
            "leases, so that a token is renewed twice"
        };
        format!("maxmemory-policy is {policy}: when Redis is full it may drop {what}; set maxmemory-policy noeviction")
    });
    let lost = (fact(info, "aof_enabled") == Some("0")).then(|| match saves {
        Some("") => "appendonly is no and save is off: all sessions end with the Redis server, and queued \
                     revocations are lost; set appendonly yes"
            .to_owned(),
        _ => "appendonly is no: a restarted Redis server loses all changes since its last snapshot, and sessions that \
              have ended since then are back; set appendonly yes"
            .to_owned(),
    });
    dropped.into_iter().chain(lost).collect()
}

/// The error for a command that the user may not run, with the right to grant.
pub(super) fn refusal(command: &str, why: &str) -> StoreError {
    let why: String = why.lines().next().unwrap_or_default().chars().take(200).collect();
    let rights = match command {
        "PUBLISH" | "SUBSCRIBE" => {
            "the channel right &globus-portal:* and the commands +publish +subscribe +unsubscribe"
        }
        _ => "the key right ~globus-portal:* and the commands that the README names",
    };
    StoreError::new(format!("the Redis user may not run {command} ({why}); grant it {rights}"))
}

/// Whether a version is older than another. A version that cannot be read is not.
pub(super) fn is_older(version: &str, than: (u64, u64)) -> bool {
    let mut parts = version.split('.').map(str::parse::<u64>);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < than)
}
