//! The pages of step-ups.

use askama::Template;

use super::site::{Site, UserView};

/// A demand of Globus that a login did not meet.
#[derive(Template)]
#[template(path = "step_up.html")]
pub struct StepUpPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// What happened, in a few plain words.
    pub title: &'a str,
    /// What it means for the reader.
    pub text: &'a str,
    /// What Globus asks for.
    pub wanted: Vec<WantedView>,
    /// What the service says about it.
    pub service_message: Option<&'a str>,
    /// Asks Globus for the same again.
    pub again: &'a str,
    /// The same with another identity.
    pub with_another: &'a str,
    /// The page of Globus that lists consents.
    pub consents: &'a str,
    /// The page that it was for.
    pub back: &'a str,
}

/// One thing that Globus asks for.
pub struct WantedView {
    /// What kind of thing.
    pub label: &'static str,
    /// Which one; empty if the label says it.
    pub value: String,
}

/// A form that waited for a step-up, to be sent again or not.
#[derive(Template)]
#[template(path = "kept_form.html")]
pub struct KeptFormPage<'a> {
    /// The site.
    pub site: &'a Site,
    /// Who is signed in.
    pub user: &'a UserView,
    /// Where it is sent to.
    pub action: &'a str,
    /// Its fields.
    pub fields: Vec<FieldView>,
}

/// A field of a form.
pub struct FieldView {
    /// Its name.
    pub name: String,
    /// What was entered.
    pub value: String,
}
