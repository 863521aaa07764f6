//! The Debian package, the image and the manifest for Kubernetes: that their parts agree with each other and with the settings.
//! `deploy/try-deb` installs the package.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use globus_portal::settings::{Settings, Sources, StoreKind};
use tempfile::TempDir;
use yaml_rust2::YamlLoader;

use crate::harness::globus_portal;

const UNIT: &str = include_str!("../../../deploy/globus-portal.service");
const POSTINST: &str = include_str!("../../../deploy/deb/postinst");
const POSTRM: &str = include_str!("../../../deploy/deb/postrm");
const CONTAINERFILE: &str = include_str!("../../../deploy/Containerfile");
const MANIFEST: &str = include_str!("../../../deploy/kubernetes.yaml");
const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// The values of a key of the unit.
fn unit(key: &str) -> Vec<&'static str> {
    UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// `[package.metadata.deb]`.
fn deb() -> toml::Table {
    let manifest: toml::Table = fs::read_to_string(Path::new(TOP).join("Cargo.toml")).unwrap().parse().unwrap();
    manifest["package"]["metadata"]["deb"].as_table().unwrap().clone()
}

/// What goes where, as Cargo.toml says.
fn assets() -> Vec<(String, String)> {
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    deb()["assets"].as_array().unwrap().iter().map(|asset| (text(&asset[0]), text(&asset[1]))).collect()
}

/// Whether the package installs this file.
fn is_installed(path: &str) -> bool {
    assets().iter().any(|(source, target)| {
        let name = source.rsplit('/').next().unwrap();
        path == format!("/{target}") || path == format!("/{target}{name}")
    })
}

#[test]
fn the_package_has_what_its_unit_and_its_scripts_name() {
    for (source, _) in assets().iter().filter(|(source, _)| !source.starts_with("target/")) {
        let (folder, name) = source.rsplit_once('/').unwrap_or((".", source));
        let (start, end) = name.split_once('*').unwrap_or((name, ""));
        let files = fs::read_dir(Path::new(TOP).join(folder)).unwrap().map(|file| file.unwrap().file_name());
        let found = files.filter_map(|file| file.into_string().ok());
        assert!(found.into_iter().any(|file| file.starts_with(start) && file.ends_with(end)), "{source}");
    }
    let started: Vec<_> = unit("ExecStart")[0].split(' ').collect();
    let ["/usr/bin/globus-portal", "--config", settings] = *started else { panic!("{started:?}") };
    assert!(is_installed(started[0]) && is_installed(settings));
    assert_eq!(deb()["conf-files"].as_array().unwrap(), &[toml::Value::from(settings)]);

    let user = unit("User")[0];
    assert_eq!(unit("Group"), [user]);
    assert!(POSTINST.contains(&format!("--home /var/lib/{} {user}\n", unit("StateDirectory")[0])));
    assert!(
        POSTINST.contains(&format!("chown root:{user} "))
            && POSTRM.contains(&format!("deluser --quiet --system {user}\n"))
    );
    assert!(POSTRM.contains(&format!("rm -rf /var/lib/{} ", unit("StateDirectory")[0])));
    assert_eq!(unit("WorkingDirectory"), [format!("/var/lib/{}", unit("StateDirectory")[0])]);
    for credential in unit("LoadCredential") {
        let (name, path) = credential.split_once(':').unwrap();
        assert_eq!(path, format!("/etc/globus-portal/{name}"));
        assert!(POSTINST.contains(&format!("make_secret {name}")) && POSTRM.contains(path), "{credential}");
    }
    for script in [POSTINST, POSTRM] {
        assert!(script.starts_with("#!/bin/sh\nset -e\n") && script.contains("\n#DEBHELPER#\n"));
        let mut shell = Command::new("/bin/sh").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut shell.stdin.take().unwrap(), script.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
    }
}

#[test]
fn the_unit_gives_the_packaged_settings_what_they_lack() {
    let folder = TempDir::new().unwrap();
    let credentials: BTreeMap<_, _> =
        unit("LoadCredential").iter().map(|credential| credential.split_once(':').unwrap()).collect();
    let mut environment = BTreeMap::new();
    for variable in unit("Environment") {
        let (name, value) = variable.split_once('=').unwrap();
        let credential = value.strip_prefix("%d/").unwrap();
        assert!(credentials.contains_key(credential), "{variable}");
        let file = folder.path().join(credential);
        fs::write(&file, format!("what {credential} holds, which is long enough\n")).unwrap();
        environment.insert(name.to_owned(), file.display().to_string());
    }
    assert_eq!(environment.len(), credentials.len());
    let file = folder.path().join("app.conf");
    let text = fs::read_to_string(Path::new(TOP).join("deploy/deb/app.conf")).unwrap();
    // The commands that an operator runs find the same files.
    for path in credentials.values() {
        assert!(text.contains(&format!("_FILE = '{path}'")), "{path}");
    }
    let filled = text.replace("APP_CLIENT_ID = ''", "APP_CLIENT_ID = '6f0a8e0c-1111-4222-8333-444455556666'");
    let filled = filled.replace("SERVER_NAME = 'localhost:5000'", "SERVER_NAME = 'portal.example.org'");
    fs::write(&file, filled).unwrap();
    let sources = Sources { file, file_required: true, environment, sandbox: None };
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(settings.secret_key.expose_secret(), "what secret-key holds, which is long enough");
    assert_eq!(settings.client_secret.expose_secret(), "what app-client-secret holds, which is long enough");
    let StoreKind::Sqlite(store) = &settings.session_store else { panic!("{:?}", settings.session_store) };
    assert_eq!(store.parent(), Some(Path::new(unit("WorkingDirectory")[0])));
    // What is installed lacks the app, and nothing else.
    fs::write(&sources.file, &text).unwrap();
    let problems = Settings::load(&sources).unwrap_err().0;
    assert_eq!(problems.iter().map(|problem| &*problem.key).collect::<Vec<_>>(), ["APP_CLIENT_ID"]);

    assert_eq!((unit("Type"), unit("RestartPreventExitStatus")), (vec!["notify"], vec!["2"]));
    assert!(unit("WatchdogSec")[0].parse::<u32>().unwrap() > 0);
    // The delay, 20 seconds for Globus and 5 for the store.
    assert!(settings.shutdown_delay.as_secs() + 25 <= unit("TimeoutStopSec")[0].parse().unwrap());
}

/// What follows an instruction of the last stage of the Containerfile.
fn image(instruction: &str) -> &'static str {
    let (_, last) = CONTAINERFILE.rsplit_once("\nFROM ").unwrap();
    last.lines().find_map(|line| line.strip_prefix(instruction)?.strip_prefix(' ')).unwrap()
}

fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap()
}

#[test]
fn the_image_and_the_manifest_for_kubernetes_agree() {
    let documents = YamlLoader::load_from_str(MANIFEST).unwrap();
    let kinds: Vec<_> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Deployment", "Service", "Ingress", "PodDisruptionBudget"]);
    let pod = &documents[0]["spec"]["template"]["spec"];
    let (user, group) = image("USER").split_once(':').unwrap();
    for (key, id) in [("runAsUser", user), ("runAsGroup", group), ("fsGroup", group)] {
        assert_eq!(pod["securityContext"][key].as_i64(), Some(id.parse().unwrap()), "{key}");
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    let container = &pod["containers"][0];
    assert_eq!(container["args"][0].as_str(), Some(&*words(image("CMD"))[0]));
    assert_eq!(container["ports"][0]["containerPort"].as_i64(), Some(image("EXPOSE").parse().unwrap()));
    let probes = [("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")];
    for (probe, path) in probes {
        assert_eq!(container[probe]["httpGet"]["path"].as_str(), Some(path));
    }
}

#[test]
fn the_image_runs_this_program_and_its_health_command_is_one() {
    let folder = TempDir::new().unwrap();
    let program = words(image("ENTRYPOINT"));
    let (_, check) = image("HEALTHCHECK").split_once(" CMD ").unwrap();
    let (asked, arguments) = words(check).split_first().map(|(a, b)| (a.clone(), b.to_vec())).unwrap();
    assert_eq!([asked], *program);
    let settings: Vec<_> = image("ENV").split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
    let listens = settings.iter().find(|(name, _)| *name == "GLOBUS_PORTAL_LISTEN").unwrap().1;
    assert_eq!(listens.rsplit(':').next(), Some(image("EXPOSE")));
    let silent = settings.iter().map(|(name, value)| (*name, value.replace(listens, "127.0.0.1:9")));
    // 1 is for a portal that does not answer, 2 for a wrong command line.
    let output = globus_portal(folder.path(), arguments).envs(silent).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let environment = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(
        [("APP_CLIENT_ID", "6f0a8e0c-1111-4222-8333-444455556666"), ("APP_CLIENT_SECRET", "secret")]
            .map(|(key, value)| (format!("GLOBUS_PORTAL_{key}"), value.to_owned())),
    );
    let sources = Sources { environment: environment.collect(), ..Sources::default() };
    let settings = Settings::load(&sources).unwrap();
    assert!(matches!(&settings.session_store, StoreKind::Sqlite(path) if path.is_relative()));
}
