//! The foundation: options, time, random values, parameters, patterns, bounded shelves, hosts, TLS.

pub(crate) mod hosts;
pub(crate) mod moment;
pub(crate) mod options;
pub(crate) mod params;
pub(crate) mod patterns;
pub(crate) mod percent;
pub(crate) mod random;
pub(crate) mod shelf;
pub(crate) mod tls;
