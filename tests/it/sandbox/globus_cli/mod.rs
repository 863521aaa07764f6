//! The unmodified Globus CLI against the sandbox, command by command.

mod cli;

use cli::Cli;

use crate::harness::{JONAS, MIRA};

const MIRA_ID: &str = "f8907a41-b87f-4770-b2b4-cabdd1f151d5";
const JONAS_ID: &str = "87c4309c-3bb8-4ada-8ad9-d8657eed2d2f";
const LINKED: &str = "msolano@globusid.org";
/// A collection that everyone may use.
const OPEN: &str = "7e57ab1e-0000-4000-8000-000000000001";
/// Its tasks take an hour.
const SLOW: &str = "7e57ab1e-0000-4000-8000-00000000000c";
/// Mira's: a mapped one, a guest one, a personal one.
const MAPPED: &str = "542f1a4c-1145-4604-b926-dd8c9916ae01";
const GUEST: &str = "542f1a4c-1145-4604-b926-dd8c9916ae03";
const PERSONAL: &str = "542f1a4c-1145-4604-b926-dd8c9916ae04";
const RIDGELINE: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0003";
const PORTAL_USERS: &str = "63f9f0a1-5a1b-4c7e-9d55-1f0c5e7a0002";

async fn logged_in(test: &str) -> Option<Cli> {
    let cli = Cli::start(test).await?;
    let said = cli.log_in(&["login"], &[MIRA]).await;
    assert!(said.code == Some(0) && said.stdout.contains("You have successfully logged in"), "{said:#?}");
    Some(cli)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_logs_in_knows_who_it_is_and_logs_out() {
    let Some(cli) = logged_in("the Globus CLI logs in").await else { return };
    assert_eq!(cli.good(&["whoami"]).await.last(), MIRA);
    assert_eq!(cli.good(&["whoami", "--linked-identities"]).await.stdout, format!("{MIRA}\n{LINKED}\n"));
    assert_eq!(cli.json(&["whoami"]).await["name"], "Mira Solano");
    let again = cli.run(&["login"]).await;
    assert!(again.code == Some(0) && again.stdout.contains("You are already logged in!"), "{again:#?}");

    let found = cli.good(&["get-identities", JONAS_ID, MIRA, "nobody@nowhere.example"]).await;
    assert_eq!(found.stdout, format!("{JONAS}\n{MIRA_ID}\nNO_SUCH_IDENTITY\n"));
    assert!(cli.good(&["get-identities", "--verbose", JONAS]).await.stdout.contains("Jonas Weber"));
    let made = cli.json(&["get-identities", "--provision", "new@northfield.example"]).await;
    assert_eq!(made["identities"][0]["status"], "unused");

    let said = cli.good(&["logout", "--yes"]).await;
    assert!(said.stdout.contains(&format!("Logging out of Globus as {MIRA}")), "{said:#?}");
    assert!(said.stdout.contains("You are now successfully logged out"), "{said:#?}");
    cli.refused(&["whoami"], "globus login").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_updates_its_session_and_its_consents() {
    let Some(cli) = logged_in("the Globus CLI's sessions").await else { return };
    assert!(cli.good(&["session", "show"]).await.stdout.contains(MIRA));
    let said = cli.log_in(&["session", "update", "--all"], &[MIRA, LINKED]).await;
    assert!(
        said.code == Some(0) && said.stdout.contains("You have successfully updated your CLI session."),
        "{said:#?}"
    );
    let shown = cli.good(&["session", "show"]).await.stdout;
    assert!(shown.contains(MIRA) && shown.contains(LINKED), "{shown}");

    // Collections report what they require, the CLI prints how to get it, and that suffices.
    for (last, need, people) in [
        ("06", "globus session update globusid.org", LINKED),
        ("07", "globus session update --policy 'c1a5be11-7d3a-4f0e-8a52-9b6f4e2d0001'", MIRA),
        ("02", "data_access]'", MIRA),
    ] {
        let collection = format!("7e57ab1e-0000-4000-8000-0000000000{last}");
        let listed = cli.run(&["ls", &collection]).await;
        if last != "06" {
            assert_eq!(listed.code, Some(4), "{listed:#?}");
            assert!(listed.stdout.contains(need), "{listed:#?}");
        }
        let command = match last {
            "06" => need.to_owned(),
            _ => {
                listed.stdout.lines().find(|line| line.trim().starts_with("globus session")).unwrap().trim().to_owned()
            }
        };
        let arguments: Vec<&str> = command.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
        let said = cli.log_in(&arguments, &[people]).await;
        assert_eq!(said.code, Some(0), "{said:#?}");
        assert!(cli.good(&["ls", &collection]).await.stdout.contains("README.txt"), "{collection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_works_with_files() {
    let Some(cli) = logged_in("the Globus CLI's file commands").await else { return };
    let at = |path: &str| format!("{OPEN}:{path}");
    assert!(cli.good(&["ls", &at("/")]).await.stdout.contains("data/\n"));
    assert!(cli.good(&["ls", "-l", &at("/data")]).await.stdout.contains("frames.h5"));
    let texts = cli.good(&["ls", "-r", &at("/data"), "--filter", "~*.dat"]).await;
    assert!(texts.stdout.contains("raw/run-1.dat") && !texts.stdout.contains("notes.txt"), "{texts:#?}");
    assert_eq!(cli.good(&["stat", &at("/README.txt")]).await.field("Size"), "1204");
    cli.refused(&["ls", &at("/nowhere")], "NotFound").await;
    assert_eq!(cli.good(&["mkdir", &at("/new")]).await.last(), "The directory was created successfully");
    cli.good(&["rename", OPEN, "/new", "/newer"]).await;
    assert_eq!(cli.json(&["stat", &at("/newer")]).await["type"], "dir");

    // `rm` waits for its task, which fails for a missing path unless `-f` is given.
    let fails = cli.run(&["rm", &at("/nothing")]).await;
    assert_eq!(fails.code, Some(1), "{fails:#?}");
    cli.good(&["rm", "-f", &at("/nothing")]).await;
    cli.good(&["rm", "-r", &at("/newer")]).await;
    assert_eq!(cli.good(&["stat", &at("/newer")]).await.last(), "Nothing found at /newer");
    cli.good(&["rm", &at("/many/frame-000*")]).await;
    let left = cli.good(&["ls", &at("/many")]).await.stdout;
    assert!(!left.contains("frame-0009") && left.contains("frame-0010"), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_transfers_and_looks_after_tasks() {
    let Some(cli) = logged_in("the Globus CLI's task commands").await else { return };
    let (from, to) = (format!("{GUEST}:/data"), format!("{OPEN}:/copied"));
    // One that takes an hour can be changed before it is canceled.
    let slow = cli.json(&["transfer", &format!("{OPEN}:/README.txt"), &format!("{SLOW}:/README.txt")]).await;
    let slow = slow["task_id"].as_str().unwrap();
    assert_eq!(cli.good(&["task", "update", slow, "--label", "two"]).await.last(), "Success");
    let shown = cli.good(&["task", "show", slow]).await;
    assert_eq!((shown.field("Label"), shown.field("Status")), ("two", "ACTIVE"));
    assert!(cli.good(&["task", "pause-info", slow]).await.stdout.contains("is not paused"));
    let canceled = cli.good(&["task", "cancel", "--all"]).await.stdout;
    assert!(canceled.contains("(1 of 1): The task has been cancelled successfully."), "{canceled}");
    cli.refused(&["task", "update", slow, "--label", "three"], "Conflict").await;

    let submitted = cli.json(&["transfer", "--recursive", "--label", "one", &from, &to]).await;
    let id = submitted["task_id"].as_str().unwrap();
    cli.good(&["task", "wait", id]).await;
    let shown = cli.good(&["task", "show", id]).await;
    assert_eq!((shown.field("Label"), shown.field("Status"), shown.field("Files")), ("one", "SUCCEEDED", "4"));
    let moved = cli.json(&["task", "show", "--successful-transfers", id]).await;
    let moved = moved["DATA"].as_array().unwrap();
    assert!(moved.iter().any(|file| file["destination_path"] == "/copied/raw/run-1.dat"), "{moved:?}");
    assert!(cli.good(&["task", "event-list", id]).await.stdout.contains("SUCCEEDED"));
    assert!(cli.good(&["task", "cancel", id]).await.stdout.contains("completed before"));
    assert!(cli.good(&["task", "list"]).await.stdout.contains("Open shelf"));

    let missing = format!("{GUEST}:/nothing");
    let skipping = cli.json(&["transfer", "--skip-source-errors", &missing, &to]).await;
    let skipping = skipping["task_id"].as_str().unwrap();
    cli.finish_tasks().await;
    let skipped = cli.good(&["task", "show", "--skipped-errors", skipping]).await.stdout;
    assert!(skipped.contains("/nothing") && skipped.contains("FILE_NOT_FOUND"), "{skipped}");

    let id = cli.good(&["task", "generate-submission-id"]).await;
    let again = ["delete", "--recursive", "--submission-id", id.last(), &to];
    let (first, second) = (cli.json(&again).await, cli.json(&again).await);
    assert_eq!((&first["code"], &second["code"]), (&"Accepted".into(), &"Duplicate".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_keeps_bookmarks() {
    let Some(cli) = logged_in("the Globus CLI's bookmarks").await else { return };
    let here = format!("{GUEST}:/data/");
    let id = cli.json(&["bookmark", "create", &here, "mine"]).await["id"].as_str().unwrap().to_owned();
    cli.refused(&["bookmark", "create", &here, "mine"], "Conflict").await;
    assert_eq!(cli.good(&["bookmark", "rename", "mine", "other"]).await.last(), "Success");
    cli.refused(&["bookmark", "rename", "other", "Northfield HPC Scratch: /~/data/"], "Conflict").await;
    assert_eq!(cli.good(&["bookmark", "show", "other"]).await.last(), here);
    assert_eq!(cli.good(&["bookmark", "show", &id]).await.last(), here);
    assert!(cli.good(&["bookmark", "list"]).await.stdout.contains("other"));
    assert!(cli.good(&["bookmark", "delete", "other"]).await.stdout.contains("deleted successfully"));
    cli.refused(&["bookmark", "show", &id], "No bookmark found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_finds_endpoints_and_manages_who_may_use_them() {
    let Some(cli) = logged_in("the Globus CLI's endpoint commands").await else { return };
    let found = cli.good(&["endpoint", "search", "--filter-scope", "my-endpoints"]).await.stdout;
    assert!([MAPPED, GUEST, PERSONAL].iter().all(|id| found.contains(id)), "{found}");
    assert_eq!(cli.good(&["endpoint", "show", PERSONAL]).await.field("GCP Connected"), "True");
    assert!(cli.good(&["endpoint", "my-shared-endpoint-list", MAPPED]).await.stdout.contains(GUEST));

    assert!(cli.good(&["endpoint", "role", "list", GUEST]).await.stdout.contains("administrator"));
    let create = ["endpoint", "role", "create", GUEST, "--identity", JONAS, "--role", "access_manager"];
    let role = cli.json(&create).await["id"].as_str().unwrap().to_owned();
    cli.refused(&create, "Exists").await;
    assert_eq!(cli.good(&["endpoint", "role", "show", GUEST, &role]).await.field("Principal"), JONAS);
    assert!(cli.good(&["endpoint", "role", "delete", GUEST, &role]).await.stdout.contains("successfully"));
    cli.refused(&["endpoint", "role", "show", GUEST, &role], "RoleNotFound").await;

    let data = format!("{GUEST}:/data/");
    let create = ["endpoint", "permission", "create", &data, "--permissions", "r", "--identity", JONAS];
    let rule = cli.json(&create).await["access_id"].as_str().unwrap().to_owned();
    assert_eq!(cli.good(&["endpoint", "permission", "show", GUEST, &rule]).await.field("Permissions"), "r");
    cli.good(&["endpoint", "permission", "update", GUEST, &rule, "--permissions", "rw"]).await;
    let listed = cli.good(&["endpoint", "permission", "list", GUEST]).await.stdout;
    assert!(listed.contains(MIRA) && listed.contains(JONAS) && listed.contains("/data/"), "{listed}");
    cli.good(&["endpoint", "permission", "delete", GUEST, &rule]).await;
    cli.refused(&["endpoint", "permission", "show", GUEST, &rule], "AccessRuleNotFound").await;
    cli.refused(&["endpoint", "permission", "list", OPEN], "PermissionDenied").await;
    for principal in [&["--all-authenticated"][..], &["--anonymous"], &["--group", PORTAL_USERS]] {
        cli.good(&[&["endpoint", "permission", "create", &data, "--permissions", "r"], principal].concat()).await;
    }
    // The sandbox reports what it does not support.
    cli.refused(&["endpoint", "update", PERSONAL, "--display-name", "x"], "NotInSandbox").await;
    cli.refused(&["endpoint", "delete", PERSONAL], "NotInSandbox").await;
    cli.refused(&["streams", "tunnel", "list"], "NotInSandbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_makes_and_joins_groups() {
    let Some(cli) = logged_in("the Globus CLI's group commands").await else { return };
    assert!(cli.good(&["group", "list"]).await.stdout.contains("Portal users"));
    assert_eq!(cli.good(&["group", "show", PORTAL_USERS]).await.field("Join Requests Allowed"), "True");
    // A group that the person is not in, and one that shows its members to managers only.
    assert!(!cli.good(&["group", "member", "list", RIDGELINE]).await.stdout.contains('@'));
    let members = cli.good(&["group", "member", "list", PORTAL_USERS]).await.stdout;
    assert!(members.contains(MIRA) && !members.contains(JONAS), "{members}");

    let group =
        cli.json(&["group", "create", "Mine", "--description", "hello"]).await["id"].as_str().unwrap().to_owned();
    let group = group.as_str();
    assert!(cli.good(&["group", "member", "add", group, JONAS]).await.stdout.contains(JONAS));
    cli.refused(&["group", "member", "add", group, JONAS], "active member already").await;
    cli.good(&["group", "member", "invite", group, "amara@globusid.org"]).await;
    let members = cli.good(&["group", "member", "list", group]).await.stdout;
    assert!(members.contains("admin") && members.contains("invited"), "{members}");
    cli.good(&["group", "member", "remove", group, JONAS]).await;
    cli.refused(&["group", "member", "approve", group, JONAS], "does not ask to join").await;
    cli.good(&["group", "update", group, "--description", "bye"]).await;
    cli.good(&["group", "set-policies", group, "--visibility", "authenticated", "--members-visibility", "members"])
        .await;
    let shown = cli.good(&["group", "show", group]).await;
    assert_eq!((shown.field("Description"), shown.field("Visibility")), ("bye", "authenticated"));
    cli.refused(&["group", "leave", group], "last admin").await;
    let child = cli.json(&["group", "create", "Inside", "--parent-id", group]).await["id"].as_str().unwrap().to_owned();
    cli.good(&["group", "delete", group]).await;
    for gone in [group, child.as_str()] {
        cli.refused(&["group", "show", gone], "GROUP_NOT_FOUND").await;
    }
    assert!(cli.good(&["group", "join", RIDGELINE]).await.stdout.contains(MIRA));
    assert!(cli.good(&["group", "member", "list", RIDGELINE]).await.stdout.contains(JONAS));
    assert!(cli.good(&["group", "leave", RIDGELINE]).await.stdout.contains("Left group as"));
    cli.good(&["group", "join", "--request", RIDGELINE]).await;
    cli.refused(&["group", "invite", "accept", RIDGELINE], "You have no invitations").await;
    cli.refused(&["group", "get-by-subscription", RIDGELINE], "NOT_IN_SANDBOX").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_acts_as_an_app_in_its_own_name() {
    let Some(mut cli) = Cli::start("the Globus CLI with client credentials").await else { return };
    cli.set("GLOBUS_CLI_CLIENT_ID", globus_portal::sandbox::CLIENT_ID);
    cli.set("GLOBUS_CLI_CLIENT_SECRET", globus_portal::sandbox::CLIENT_SECRET);
    let own = format!("{}@clients.auth.globus.org", globus_portal::sandbox::CLIENT_ID);
    assert_eq!(cli.good(&["whoami"]).await.last(), own);
    assert!(cli.good(&["session", "show"]).await.stdout.contains("Username"));
    assert!(cli.good(&["ls", &format!("{OPEN}:/")]).await.stdout.contains("README.txt"));
    // The CLI gets the consent that a collection needs by itself, and then has it.
    let wants_consent = "7e57ab1e-0000-4000-8000-000000000002";
    assert!(cli.good(&["ls", wants_consent]).await.stdout.contains("README.txt"));
    let consents = format!("/v2/api/identities/{}/consents", globus_portal::sandbox::CLIENT_ID);
    let document = cli.json(&["api", "auth", "GET", &consents]).await;
    assert!(!document["consents"].as_array().unwrap().is_empty(), "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globus_cli_looks_at_collections() {
    let Some(mut cli) = logged_in("the Globus CLI's collection commands").await else { return };
    // The CLI calls Globus Connect Server over https, so it must trust the sandbox's CA.
    let authority = cli.browser.get(&format!("{}/sandbox/ca.pem", cli.base)).await.body;
    let file = cli.home().join("sandbox.pem");
    std::fs::write(&file, authority).unwrap();
    cli.set("GLOBUS_SDK_VERIFY_SSL", file.to_str().unwrap());

    let refused = cli.refused(&["collection", "show", GUEST], "Missing 'manage_collections' consent").await;
    let command = refused.stderr.lines().find(|line| line.contains("globus login --gcs")).unwrap();
    let endpoint = command.split_whitespace().last().unwrap();
    let said = cli.log_in(&["login", "--gcs", endpoint], &[MIRA]).await;
    assert_eq!(said.code, Some(0), "{said:#?}");
    let guest = cli.good(&["collection", "show", GUEST]).await;
    assert_eq!((guest.field("Owner"), guest.field("Collection Type")), (MIRA, "guest"));
    assert_eq!(guest.field("Mapped Collection ID"), MAPPED);
    assert_eq!(cli.good(&["collection", "show", MAPPED]).await.field("Collection Type"), "mapped");
    let listed = cli.good(&["collection", "list", endpoint, "--filter", "guest-collections"]).await.stdout;
    assert!(listed.contains(GUEST) && !listed.contains(MAPPED), "{listed}");
    let roles = cli.good(&["collection", "role", "list", GUEST]).await;
    assert_eq!((roles.field("Role"), roles.field("Principal")), ("administrator", MIRA));
    assert_eq!(
        cli.good(&["collection", "role", "show", GUEST, roles.field("ID")]).await.field("Role"),
        "administrator"
    );
    cli.refused(&["collection", "update", GUEST, "--description", "x"], "not in the sandbox").await;
    cli.refused(&["collection", "delete", GUEST], "not in the sandbox").await;
    cli.refused(&["collection", "show", PERSONAL], "to be a collection ID").await;
    assert_eq!(cli.good(&["endpoint", "show", endpoint]).await.field("ID"), endpoint);
}
