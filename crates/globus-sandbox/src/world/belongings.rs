//! What each of the people owns in Transfer.

use crate::world::collections::usual;
use crate::world::collections::{Collection, Kind};
use crate::world::people::{Identity, MIRA, PRIYA, Person};

pub(crate) fn of_mira(owner: &Identity) -> Vec<Collection> {
    let id = |last: u8| format!("542f1a4c-1145-4604-b926-dd8c9916ae{last:02x}");
    let crowds: &[u32] = &[1_000];
    vec![
        Collection {
            description: Some("Raw frames of the Titan microscope, kept for 90 days.".into()),
            department: Some("Structural Biology".into()),
            keywords: vec!["cryo-em", "microscopy"],
            last_used: Some("2026-03-02"),
            crowds,
            ..usual(owner, Kind::Mapped, &id(1), "Northfield Cryo-EM Instrument")
        },
        Collection {
            description: Some("Deleted after 30 days without access.".into()),
            department: Some("Research Computing".into()),
            keywords: vec!["scratch", "hpc"],
            crowds,
            ..usual(owner, Kind::Mapped, &id(2), "Northfield HPC Scratch")
        },
        Collection {
            description: Some("Frames for the joint paper.".into()),
            shared_with: vec![PRIYA],
            ..usual(owner, Kind::Guest, &id(3), "Solano Lab: shared frames")
        },
        Collection {
            display_name: None,
            last_used: Some("2026-02-17"),
            crowds,
            ..usual(owner, Kind::Personal, &id(4), "")
        },
    ]
}

/// One server, its archive, and a guest collection for every experimental run: 57 in all.
pub(crate) fn of_jonas(owner: &Identity) -> Vec<Collection> {
    let id = |number: usize| format!("d3ca888e-1052-4ab5-ba4d-86dc76e9{number:04x}");
    let mut all = vec![
        Collection {
            description: Some("Data transfer nodes of the beamlines.".into()),
            ..usual(owner, Kind::Endpoint, &id(1), "Ridgeline DTN")
        },
        Collection {
            description: Some("Tape archive: a first byte may take minutes.".into()),
            department: Some("Scientific Data".into()),
            keywords: vec!["archive", "tape"],
            ..usual(owner, Kind::Mapped, &id(2), "Ridgeline Archive")
        },
        usual(owner, Kind::Personal, &id(3), "Jonas's workstation"),
        usual(owner, Kind::PersonalGuest, &id(4), "Workstation: posters"),
    ];
    all.extend((1..=53).map(|run| Collection {
        description: Some(format!("Detector images of run {run}.")),
        department: Some("Beamline 7".into()),
        keywords: vec!["beamline", "diffraction"],
        ..usual(owner, Kind::Guest, &id(4 + run), &format!("Beamline 7 run {run:03}"))
    }));
    all
}

pub(crate) fn of_the_scholar(owner: &Identity) -> Vec<Collection> {
    let id = "980aa732-3d57-41ff-adee-47cf13cc9dde";
    vec![usual(owner, Kind::Personal, id, "laptop")]
}

/// Collections of two of her identities: Transfer treats all of them as hers.
pub(crate) fn of_priya(person: &Person) -> Vec<Collection> {
    let id = |last: u8| format!("f7bef0ed-646a-4331-a254-abb10a5b72{last:02x}");
    let owner = &person.primary;
    let mut all = vec![
        Collection {
            description: Some("Floats and moorings, quality controlled.".into()),
            keywords: vec!["ocean", "sensors"],
            shared_with: vec![MIRA],
            ..usual(owner, Kind::Mapped, &id(1), "Coastal Sensor Store")
        },
        usual(owner, Kind::Personal, &id(2), "RV Meridian deck laptop"),
    ];
    all.extend(
        person
            .linked
            .first()
            .map(|university| usual(university, Kind::Guest, &id(3), "Ocean Modelling 402: assignments")),
    );
    all
}

pub(crate) fn of_quirk(owner: &Identity) -> Vec<Collection> {
    let id = |last: u8| format!("6daf5a2c-52d9-4217-a78d-a359537a8a{last:02x}");
    let script = "<script>alert(1)</script> & \"quotes\" 'single' {{ 7*7 }}";
    vec![
        Collection {
            description: Some("</td></table><h1>Broken out</h1>".into()),
            department: Some("\"><svg onload=alert(1)>".into()),
            ..usual(owner, Kind::Mapped, &id(1), script)
        },
        usual(owner, Kind::Guest, &id(2), "invoice\u{202e}fdp.exe \u{200f}שלום"),
        usual(owner, Kind::Personal, &id(3), &format!("{} 🧪🔬", "wide".repeat(60))),
        Collection {
            description: Some("first line\nsecond line\u{0}with a NUL".into()),
            ..usual(owner, Kind::Personal, &id(4), "   ")
        },
    ]
}
