//! What a connection costs that a proxy keeps.

use crate::{
    client::{Connection, on_connections},
    figures::{CONNECTIONS, rounds},
    number,
    servers::Server,
    stage::{Stage, log_in},
    stores::Stores,
};

/// How much memory idle connections take, each after one answer, at the portal and at a bare axum server.
pub fn kept(stores: &Stores, kind: &str) {
    let wanted = number("KEPT", 10_000);
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(limit > wanted as u64 + 100, "only {limit} descriptors");
    let stage = Stage::start_gate(stores, kind);
    let cookie = log_in(&mut stage.portal.connection());
    let bare = Server::start("bare", &[]);
    for (name, server) in [("the portal", &stage.portal), ("bare axum", &bare)] {
        let ask = |connection: &mut Connection| {
            assert_eq!(connection.get("/oauth2/auth/default", &cookie).status, 202);
        };
        on_connections(server.address, CONNECTIONS, rounds() / 10, ask);
        let before = server.proportional_memory();
        let open = |_| {
            let mut connection = server.connection();
            ask(&mut connection);
            connection
        };
        let mut connections: Vec<_> = (0..wanted).map(open).collect();
        let grown = server.proportional_memory().saturating_sub(before);
        // Each of them is still there.
        connections.iter_mut().for_each(ask);
        let what = format!("a kept connection of {wanted}, {name}");
        println!("{what:<50} {:>8} bytes", grown / wanted);
    }
}
