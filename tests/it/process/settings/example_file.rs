//! Settings files as people find them: our example, and the one of the Flask tutorial.

use globus_portal::settings::LogFormat;

use super::{Given, KEYS, shown};

pub(super) const EXAMPLE: &str = include_str!("../../../../example_app.conf");

#[test]
fn the_file_of_the_flask_tutorial_works_as_it_is() {
    // As the tutorial of the Globus Python SDK has it.
    let text = "# do not commit this file\nSERVER_NAME = 'localhost:5000'\n# this is the session secret, used to protect the Flask session. You should\n\
                # use a longer secret string known only to your application\n# details are beyond the scope of this tutorial\nSECRET_KEY = 'abc123!'\n\n\
                APP_CLIENT_ID = 'a-client-id'\nAPP_CLIENT_SECRET = 'a-client-secret'\n";
    let settings = Given::file(text).good();
    assert_eq!(settings.public_url("/login"), "http://localhost:5000/login");
    assert_eq!(
        (settings.client_id.as_str(), settings.client_secret.expose_secret()),
        ("a-client-id", "a-client-secret")
    );
    assert_eq!(settings.secret_key.expose_secret(), "abc123!");
    let double_quotes = text.replace('\'', "\"");
    assert_eq!(Given::file(&double_quotes).good().client_id, "a-client-id");
}

/// The settings of the example file: the key, its line, and whether it is active.
fn example_settings() -> Vec<(String, String, bool)> {
    let lines = EXAMPLE.lines().filter_map(|line| {
        let (plain, used) = line.strip_prefix("# ").map_or((line, true), |plain| (plain, false));
        let (key, _) = plain.split_once(" = ")?;
        let is_key = key.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        is_key.then(|| (key.to_owned(), plain.to_owned(), used))
    });
    lines.collect()
}

#[test]
fn the_example_file_names_every_key_and_its_commented_lines_are_the_defaults() {
    let named = example_settings();
    for (key, _, _) in KEYS {
        assert!(
            named.iter().any(|(name, _, _)| name == key) || EXAMPLE.contains(key),
            "{key} is not in the example file"
        );
    }
    for (key, _, _) in &named {
        assert!(KEYS.iter().any(|(name, _, _)| name == key), "{key} is in the example file and no setting");
    }
    let app = "\nAPP_CLIENT_ID = 'id'\nAPP_CLIENT_SECRET = 'secret'\n";
    let filled = EXAMPLE.replace("\nAPP_CLIENT_ID = ''\n", "\nAPP_CLIENT_ID = 'id'\n");
    let filled = filled.replace("\nAPP_CLIENT_SECRET = ''\n", "\nAPP_CLIENT_SECRET = 'secret'\n");
    let example = Given::file(&filled).good();
    let defaults = Given::file(app).good();
    for (key, line, used) in named {
        if !used && key != "LOG_FORMAT" {
            let stated = Given::file(&format!("{app}{line}\n")).good();
            assert_eq!(shown(&stated, &key), shown(&defaults, &key), "{line}");
        }
        if key != "SECRET_KEY" && key != "LOG_FORMAT" {
            assert_eq!(shown(&example, &key), shown(&defaults, &key), "{key}");
        }
    }
    assert_eq!(Given::app("LOG_FORMAT = 'pretty'\n").good().log_format, LogFormat::Pretty);
    // As shipped, it lacks only the app.
    let problems = Given::file(EXAMPLE).bad();
    let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["APP_CLIENT_ID", "APP_CLIENT_SECRET"]);
    Given::file(EXAMPLE).sandbox().good();
}
