//! Open descriptors: each connection takes one, and the usual soft limit is low.

/// Descriptors reserved for everything else: the log, the store, calls to Globus.
const FOR_OTHERS: u64 = 256;

/// Raises the soft limit on open descriptors to the hard limit. Returns how many of the `wanted` connections fit below it.
pub(super) fn make_room(wanted: usize) -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX);
    let limit = limit.inspect_err(|error| tracing::warn!(error = %error, "cannot raise the limit on open files"));
    let Ok(limit) = limit.or_else(|_| rlimit::Resource::NOFILE.get_soft()) else { return wanted };
    let fitting = usize::try_from(limit.saturating_sub(FOR_OTHERS).max(limit / 2)).unwrap_or(usize::MAX);
    if fitting < wanted {
        tracing::warn!(
            limit,
            "the limit on open files allows only {fitting} of MAX_CONNECTIONS = {wanted}: raise it (ulimit -n)"
        );
    }
    wanted.min(fitting)
}
