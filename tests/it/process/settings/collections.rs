//! `[[collections]]`: what they may hold, and what is said of what they may not.

use globus_portal::settings::Reach;

use super::{Given, example_file::EXAMPLE};

const ID: &str = "7e57ab1e-0000-4000-8000-000000000001";

#[test]
fn collections_are_read_in_their_order_with_pictures_from_beside_the_file() {
    let given = Given::app(&format!(
        "[[collections]]\nid = '{}'\ntitle = ' Frames '\ndescription = 'All of \"them\" at $5'\npath = '/data'\n\
         image = 'frames'\ndefault_destination = '{ID}:/in/coming'\n[[collections]]\nid = '{ID}'\ntitle = 'Maps'\n",
        ID.to_uppercase()
    ));
    given.beside("frames", "\u{feff} <?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>");
    let settings = given.good();
    let all: Vec<_> = settings.collections.iter().collect();
    assert_eq!((all.len(), &*all[0].title, &*all[1].title), (2, "Frames", "Maps"));
    assert_eq!((&*all[0].id, all[0].path.as_deref()), (ID, Some("/data/")));
    let image = all[0].image.as_ref().unwrap();
    assert_eq!((image.content_type, image.extension, image.bytes.len()), ("image/svg+xml", "svg", 66));
    let destination = all[0].default_destination.as_ref().unwrap();
    assert_eq!((&*destination.id, destination.path.as_deref()), (ID, Some("/in/coming/")));
    assert_eq!(all[1].path, None);
    assert_eq!(settings.collections.reach(ID, Some("/elsewhere/")), Some(Reach::Everything), "one is the whole");
}

#[test]
fn the_table_of_the_example_file_is_a_good_one() {
    let table = EXAMPLE.split_once("\n# [[collections]]\n").unwrap().1;
    let lines = table.lines().filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = '")));
    let given = Given::app(&format!("[[collections]]\n{}\n", lines.collect::<Vec<_>>().join("\n")));
    given.beside("detector.jpg", "<svg/>");
    let settings = given.good();
    let one = settings.collections.iter().next().unwrap();
    assert!(one.path.is_some() && one.image.is_some() && one.default_destination.is_some(), "{one:?}");
}

#[test]
fn what_is_wrong_in_a_table_is_told_with_its_place() {
    let good = format!("id = '{ID}'\ntitle = 'Frames'\n");
    for (table, place, said) in [
        ("title = 'x'".to_owned(), "id", "missing"),
        (format!("id = '{ID}'"), "title", "missing"),
        ("title = 'x'\nid = 'Frames'".to_owned(), "id", "a UUID"),
        (format!("{good}pth = '/x/'"), "pth", "did you mean path?"),
        (format!("{good}colour = 'red'"), "colour", "there is no such setting"),
        (format!("{good}LOG_FORMAT = 'json'"), "LOG_FORMAT", "write it above the first [[collections]]"),
        (format!("{good}path = 'data/'"), "path", "the path of a folder"),
        (format!("{good}path = '/data/../'"), "path", "the path of a folder"),
        (format!("{good}path = '/data//x/'"), "path", "the path of a folder"),
        (format!("{good}path = '/a\\..\\b'"), "path", "the path of a folder"),
        (format!("{good}path = ['/data/']"), "path", "expected one text"),
        (format!("{good}image = 'none.png'"), "image", "cannot read"),
        (format!("{good}image = 'app.conf'"), "image", "is no PNG"),
        (format!("{good}default_destination = 'there'"), "default_destination", "ID:/incoming/"),
        (format!("{good}default_destination = '{ID}:x'"), "default_destination", "ID:/incoming/"),
        (format!("{good}description = '${{NOTE}}'"), "description", "a reference to a variable"),
        (format!("id = '{ID}'\ntitle = '{}'", "x".repeat(101)), "title", "at most 100 characters"),
    ] {
        let given = Given::app(&format!("[[collections]]\n{good}[[collections]]\n{table}\n"));
        let text = given.one_problem(&format!("collections[2].{place}"));
        assert!(text.contains(said), "{table}: {text}");
    }
    let large = Given::app(&format!("[[collections]]\n{good}image = 'large.svg'\n"));
    large.beside("large.svg", &format!("<svg>{}", " ".repeat(2 << 20)));
    assert!(large.one_problem("collections[1].image").contains("larger than 2 MiB"));
    assert!(Given::app("collections = 'x'\n").one_problem("collections").contains("tables [[collections]]"));
    assert!(Given::app(&format!("[collections]\n{good}")).one_problem("collections").contains("[[collections]]"));
    let many = format!("[[collections]]\n{good}").repeat(51);
    assert!(Given::app(&many).one_problem("collections").contains("at most 50"));
    let variable = Given::app("").env("GLOBUS_PORTAL_COLLECTIONS", ID);
    assert!(variable.one_problem("COLLECTIONS").contains("tables at the end of the settings file"));
}

#[test]
fn a_time_zone_is_one_that_exists() {
    assert!(Given::app("TIME_ZONE = 'Mars/Olympus'\n").one_problem("TIME_ZONE").contains("Europe/Berlin"));
    assert_eq!(format!("{:?}", Given::app("TIME_ZONE = 'America/Chicago'\n").good().time_zone), "America/Chicago");
}
