//! The settings that `deploy/kubernetes.yaml` gives a portal.

use super::Given;

const MANIFEST: &str = include_str!("../../../../deploy/kubernetes.yaml");

#[test]
fn the_manifest_for_kubernetes_has_good_settings() {
    let lines: Vec<&str> = MANIFEST.lines().map(str::trim).collect();
    let mut given = Given::file("");
    let secrets = [
        ("secret-key", "a key of this test alone, which is long enough".to_owned()),
        ("app-client-secret", "the secret".to_owned()),
        ("session-store", "postgres://portal:secret@db.example.org/portal?sslmode=verify-full".to_owned()),
    ];
    let mut names = Vec::new();
    for pair in lines.windows(2) {
        let Some(name) = pair[0].strip_prefix("- name: ").filter(|name| name.starts_with("GLOBUS_PORTAL_")) else {
            continue;
        };
        let value = pair[1].strip_prefix("value: ").unwrap().trim_matches('"');
        let secret = secrets.iter().find(|(file, _)| value == format!("/secrets/{file}"));
        let file = secret.map(|(file, text)| given.beside(file, text));
        given = given.env(name, file.as_deref().unwrap_or(value));
        names.push(name);
    }
    assert_eq!(names.iter().filter(|name| name.ends_with("_FILE")).count(), secrets.len(), "{names:?}");
    let settings = given.good();
    assert_eq!(settings.warnings, [""; 0]);
    assert_eq!(settings.public_url("/"), "https://portal.example.org/");
    assert_eq!(settings.listen.to_string(), "0.0.0.0:5000");
    // The grace period covers the delay, 20 seconds for Globus and 5 for the store.
    let grace = MANIFEST.split("terminationGracePeriodSeconds: ").nth(1).unwrap();
    let grace: u64 = grace.lines().next().unwrap().parse().unwrap();
    assert!(settings.shutdown_delay.as_secs() + 25 <= grace);
    // Memory alone may be written to.
    assert!(lines.contains(&"readOnlyRootFilesystem: true"));
}
