//! The private servers of the tests, for measurements.

#[path = "../../tests/it/harness/programs.rs"]
#[expect(dead_code, reason = "tests need more of it")]
pub mod programs;
#[path = "../../tests/it/harness/services.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod services;
#[path = "../../tests/it/harness/signals.rs"]
pub mod signals;
#[path = "../../tests/it/harness/wait.rs"]
mod wait;

use self::{
    programs::{find_program, free_port, needs},
    wait::until,
};

pub use self::services::{PostgresServer, RedisServer, skip_without_postgres, skip_without_redis};
