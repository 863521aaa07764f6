//! `SECURITY_CONTACT` and `SECURITY_EXPIRES`: what is refused, and with which words.

use super::Given;

const EXPIRES: &str = "SECURITY_EXPIRES = '2030-06-30T00:00:00Z'";
const CONTACT: &str = "SECURITY_CONTACT = 'mailto:security@example.org'";

#[test]
fn a_wrong_contact_or_time_is_told_with_its_line() {
    for wrong in ["security@example.org", "mailto:security", "http://example.org/", "https://", "tel:", "ftp://a/"] {
        let given = Given::app(&format!("{EXPIRES}\nSECURITY_CONTACT = ['{wrong}']"));
        let text = given.one_problem("SECURITY_CONTACT");
        assert!(text.contains(wrong) && text.contains("mailto:security@example.org"), "{text}");
        assert_eq!(given.bad().0[0].line, Some(5));
    }
    for wrong in ["'next year'", "'2030-06-30'", "'2030-06-31T00:00:00Z'", "'2030-06-30T00:00:00'"] {
        let given = Given::app(&format!("{CONTACT}\nSECURITY_EXPIRES = {wrong}"));
        assert!(given.one_problem("SECURITY_EXPIRES").contains("2030-06-30T00:00:00Z"));
        assert_eq!(given.bad().0[0].line, Some(5));
    }
}

#[test]
fn a_contact_and_a_time_need_each_other() {
    assert!(Given::app(CONTACT).one_problem("SECURITY_EXPIRES").starts_with("missing"));
    assert!(Given::app(EXPIRES).one_problem("SECURITY_CONTACT").starts_with("missing"));
    assert_eq!(Given::app("").good().security_txt, None);
    let both = "SECURITY_CONTACT = ['https://example.org/security', 'tel:+1-201-555-0123']";
    let security = Given::app(&format!("{both}\n{EXPIRES}")).good().security_txt.unwrap();
    let lines = "Contact: https://example.org/security\nContact: tel:+1-201-555-0123\nExpires: 2030-06-30T00:00:00Z\n";
    assert_eq!(security.to_string(), lines);
}
