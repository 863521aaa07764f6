//! Settings that work but are questionable.

use super::Given;

#[test]
fn an_address_that_browsers_cannot_come_to_is_warned_of() {
    let warnings = |server: &str, listen: &str, more: &str| {
        let lines = format!("SERVER_NAME = '{server}'\nLISTEN = '{listen}'\n{more}\n");
        let all = Given::app(&lines).good().warnings;
        all.into_iter().filter(|warning| warning.contains("LISTEN")).collect::<Vec<_>>()
    };
    // Open to other machines under a name that each machine resolves to itself.
    for listen in ["0.0.0.0:5000", "[::]:5000", "192.0.2.7:5000", "[2001:db8::1]:5000", "[::ffff:192.0.2.7]:5000"] {
        for server in ["localhost:5000", "127.0.0.1:5000", "portal.localhost:5000"] {
            let told = warnings(server, listen, "");
            assert_eq!(told.len(), 1, "{server} {listen}: {told:?}");
            assert!(
                told[0].contains(listen) && told[0].contains(server) && told[0].contains("other machines"),
                "{told:?}"
            );
        }
        assert_eq!(warnings("portal.example.org", listen, ""), [""; 0], "{listen}");
    }
    // Another port, or another address of this machine.
    for (server, listen) in [
        ("localhost:5000", "127.0.0.1:8080"),
        ("localhost", "127.0.0.1:5000"),
        ("localhost:5000", "127.0.0.1:0"),
        ("localhost:5000", "127.0.0.2:5000"),
        ("127.0.0.1:5000", "[::1]:5000"),
        ("[::1]:5000", "127.0.0.1:5000"),
        ("127.0.0.2:5000", "127.0.0.1:5000"),
    ] {
        let told = warnings(server, listen, "");
        assert_eq!(told.len(), 1, "{server} {listen}: {told:?}");
        assert!(told[0].contains(listen) && told[0].contains(server), "{told:?}");
        // There is a proxy in between.
        assert_eq!(warnings(server, listen, "TRUSTED_PROXIES = ['127.0.0.1']"), [""; 0]);
        assert_eq!(warnings(server, listen, "PREFERRED_URL_SCHEME = 'https'"), [""; 0]);
    }
    for (server, listen) in [
        ("localhost:5000", "127.0.0.1:5000"),
        ("localhost:5000", "[::1]:5000"),
        ("portal.localhost:8080", "127.0.0.1:8080"),
        ("localhost", "127.0.0.1:80"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("portal.example.org", "127.0.0.1:5000"),
    ] {
        assert_eq!(warnings(server, listen, ""), [""; 0], "{server} {listen}");
    }
    assert_eq!(warnings("localhost:5000", "0.0.0.0:8080", "").len(), 2);
    // Only a proxy can use these.
    for listen in ["unix:/run/portal.sock", "systemd"] {
        assert_eq!(warnings("localhost:8080", listen, ""), [""; 0], "{listen}");
    }
}
