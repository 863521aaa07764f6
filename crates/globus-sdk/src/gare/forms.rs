//! The five forms in which services write a GARE.

use serde_json::{Map, Value};

use super::needs::{CONSENT_REQUIRED, DEFAULT_CODE, Gare, GlobusAuthorizationParameters, PARAMETERS};

type Object = Map<String, Value>;

pub(super) fn of_document(document: &Object) -> Option<Gare> {
    of_today(document)
        .or_else(|| of_parameters(document))
        .or_else(|| of_transfer(document))
        .or_else(|| of_action_provider(document))
        .or_else(|| of_auth(document))
}

fn of_today(document: &Object) -> Option<Gare> {
    let code = document.get("code")?.as_str()?.to_owned();
    let mut members = Members(document.get(PARAMETERS)?.as_object()?.clone());
    let authorization_parameters = GlobusAuthorizationParameters {
        session_message: members.text("session_message")?,
        session_required_identities: members.texts("session_required_identities")?,
        session_required_policies: members.texts("session_required_policies")?,
        session_required_single_domain: members.texts("session_required_single_domain")?,
        session_required_mfa: members.flag("session_required_mfa")?,
        required_scopes: members.texts("required_scopes")?,
        prompt: members.text("prompt")?,
        extra: members.0,
    };
    Some(Gare { code, authorization_parameters, extra: without(document, &["code", PARAMETERS]) })
}

fn of_parameters(document: &Object) -> Option<Gare> {
    let code = match document.get("code") {
        Some(Value::String(code)) if !code.is_empty() => code,
        Some(code) if !is_falsy(code) => return None,
        _ => DEFAULT_CODE,
    };
    let mut members = Members(document.get(PARAMETERS)?.as_object()?.clone());
    let authorization_parameters = GlobusAuthorizationParameters {
        session_message: members.text("session_message")?,
        session_required_identities: members.texts("session_required_identities")?,
        session_required_policies: members.texts_or_commas("session_required_policies")?,
        session_required_single_domain: members.texts_or_commas("session_required_single_domain")?,
        session_required_mfa: members.flag("session_required_mfa")?,
        prompt: members.take("prompt", |prompt| (prompt == "login").then(|| "login".to_owned()))?,
        // This form knows of no scopes; a list of them is taken all the same, and anything else is left where it is.
        required_scopes: members.texts("required_scopes").flatten(),
        extra: members.0,
    };
    let extra = without(document, &["code", PARAMETERS]);
    Some(Gare { code: code.to_owned(), authorization_parameters, extra })
}

fn of_transfer(document: &Object) -> Option<Gare> {
    let required_scopes = texts(consent_required(document)?.get("required_scopes")?)?;
    let authorization_parameters = GlobusAuthorizationParameters {
        required_scopes: Some(required_scopes),
        session_message: text_of(document, "message")?,
        ..GlobusAuthorizationParameters::default()
    };
    Some(Gare {
        code: CONSENT_REQUIRED.to_owned(),
        authorization_parameters,
        extra: without(document, &["code", "required_scopes"]),
    })
}

fn of_action_provider(document: &Object) -> Option<Gare> {
    let required_scope = consent_required(document)?.get("required_scope")?.as_str()?.to_owned();
    let authorization_parameters = GlobusAuthorizationParameters {
        required_scopes: Some(vec![required_scope]),
        session_message: text_of(document, "description")?,
        extra: document.get(PARAMETERS).and_then(Value::as_object).cloned().unwrap_or_default(),
        ..GlobusAuthorizationParameters::default()
    };
    Some(Gare {
        code: CONSENT_REQUIRED.to_owned(),
        authorization_parameters,
        extra: without(document, &["code", "required_scope", PARAMETERS]),
    })
}

fn of_auth(document: &Object) -> Option<Gare> {
    if document.get("error")?.as_str()? != "dependent_consent_required" {
        return None;
    }
    let first = document.get("errors")?.as_array()?.first()?.as_object()?;
    let scopes = first.get("unapproved_scopes").map_or(Some(Vec::new()), texts)?;
    let authorization_parameters =
        GlobusAuthorizationParameters { required_scopes: Some(scopes), ..GlobusAuthorizationParameters::default() };
    Some(Gare { code: CONSENT_REQUIRED.to_owned(), authorization_parameters, extra: Map::new() })
}

fn consent_required(document: &Object) -> Option<&Object> {
    (document.get("code")?.as_str()? == CONSENT_REQUIRED).then_some(document)
}

fn without(document: &Object, names: &[&str]) -> Object {
    let rest = document.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    rest.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A text that may be absent or null; `None` when it is of another type.
fn text_of(document: &Object, name: &str) -> Option<Option<String>> {
    match document.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())),
    }
}

/// The members of an object, taken out one by one by their type. A member that is absent or null gives `Some(None)`, one
/// of another type `None` and stays.
struct Members(Object);

impl Members {
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
        let value = match self.0.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => Some(read(value)?),
        };
        self.0.remove(name);
        Some(value)
    }

    fn text(&mut self, name: &str) -> Option<Option<String>> {
        self.take(name, |value| value.as_str().map(ToOwned::to_owned))
    }

    fn flag(&mut self, name: &str) -> Option<Option<bool>> {
        self.take(name, Value::as_bool)
    }

    fn texts(&mut self, name: &str) -> Option<Option<Vec<String>>> {
        self.take(name, texts)
    }

    fn texts_or_commas(&mut self, name: &str) -> Option<Option<Vec<String>>> {
        self.take(name, |value| match value {
            Value::String(text) => Some(text.split(',').map(ToOwned::to_owned).collect()),
            other => texts(other),
        })
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect()
}

/// What counts as not given where a default takes its place.
fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(true) => false,
    }
}
