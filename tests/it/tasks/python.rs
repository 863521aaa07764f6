//! The official Python SDK and the portal see the same transfers.

use std::process::Stdio;

use globus_portal::globus::scopes::transfer::RESOURCE_SERVER;

use super::{SHELF, SLOW, Visit};
use crate::{
    harness::{MIRA, needs, steps::key_of},
    sandbox::sdk::python,
};

/// Submits a transfer, or looks at one: the first argument says which.
const PROGRAM: &str = "
import os, sys, globus_sdk
transfer = globus_sdk.TransferClient(authorizer=globus_sdk.AccessTokenAuthorizer(os.environ['TOKEN']))
if sys.argv[1] == 'submit':
    data = globus_sdk.TransferData(sys.argv[2], sys.argv[3], label='made with Python')
    data.add_item('/data/notes.txt', '/from-python.txt')
    print(transfer.submit_transfer(data)['task_id'])
else:
    task = transfer.get_task(sys.argv[2])
    print(task['label'], task['status'], [item['source_path'] for item in transfer.task_successful_transfers(task['task_id'])])
";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_python_sdk_starts_the_portal_shows_and_the_other_way_round() {
    let tried = python().args(["-c", "import globus_sdk"]).stderr(Stdio::null()).status();
    let what = "no Python with globus-sdk; PYTHON_WITH_GLOBUS_SDK names one (pip install globus-sdk)";
    if !needs("transfers of the Python SDK", tried.is_ok_and(|status| status.success()), what) {
        return;
    }
    let visit = Visit::of(MIRA).await;
    let token = visit.portal.app.tokens.fresh(key_of(&visit.portal, &visit.browser), RESOURCE_SERVER).await.unwrap();
    let run = |arguments: &[&str]| {
        let ran = python()
            .args(["-c", PROGRAM])
            .args(arguments)
            .env("TOKEN", token.expose_secret())
            .env("GLOBUS_SDK_SERVICE_URL_TRANSFER", format!("{}/", visit.portal.globus))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    };

    let id = run(&["submit", SHELF, SLOW]);
    let page = visit.page(&format!("/tasks/{id}")).await;
    assert!(page.body.contains("made with Python") && page.body.contains(">Running</span>"), "{}", page.body);
    assert!(visit.page("/tasks").await.body.contains("made with Python"));

    let chosen = [("source", SHELF), ("path", "/data/"), ("item", "notes.txt"), ("destination", SLOW), ("folder", "/")];
    let review = visit.begin(&[&chosen[..], &[("step", "review")]].concat()).await;
    let sent = visit.press_to("/transfer/submit", &review, &[("label", "made with the portal")]).await;
    let location = sent.header("location").unwrap_or_else(|| panic!("{}", sent.body)).to_owned();
    let id = location.rsplit('/').next().unwrap();
    visit.finish().await;
    assert_eq!(run(&["look", id]), "made with the portal SUCCEEDED ['/data/notes.txt']");
}
