//! Lets admins say who may do what where, invite others and take all of it back.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Request, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BODY_BYTES_MAX, Console,
    crowds::record,
    guard::{may, may_everywhere},
};
use crate::{
    accounts::{Invitation, Person, Rights, Role, Session},
    doors::{Failure, place::unfit, read_json},
    message::now_ms,
};

/// Where somebody gets a role; without a route everywhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Granted {
    route: Option<String>,
    #[serde(default)]
    channel: String,
    /// `null` takes it away.
    role: Option<Role>,
}

/// Who may do something where the reader says who may, and who is invited to.
pub async fn list(
    State(console): State<Console>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Admin).await?;
    Ok(Json(console.people(&session).await?))
}

/// Whoever takes a role from themselves may find nobody who gives it back, and whoever sits at a
/// browser that was left does not know the password that one's own account asks for.
fn another(session: &Session, person: &Person) -> Result<(), Failure> {
    match person.name == session.name {
        true => Err(unfit("own", "another admin has to do this to your own account")),
        false => Ok(()),
    }
}

/// Gives one role or takes it away; answers with everybody, as every act here.
pub async fn grant(
    State(console): State<Console>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Json<Value>, Failure> {
    let session = console.need(request.headers(), Role::Admin).await?;
    let Granted { route, channel, role } = read_json(request, BODY_BYTES_MAX).await?;
    let accounts = &console.doors.accounts;
    let person = accounts.person(&name).await?;
    let (route, channel) = match route {
        None => {
            may_everywhere(&session, Role::Admin)?;
            another(&session, &person)?;
            accounts.set_rights(&name, |rights| rights.role = role).await?;
            Default::default()
        }
        Some(route) => {
            let channel = console.doors.place(&route, &channel)?;
            may(&session, Role::Admin, &route, &channel)?;
            another(&session, &person)?;
            accounts.set_rights(&name, |rights| rights.put(&route, &channel, role)).await?;
            (route, channel)
        }
    };
    let what = format!("{} is {} here", person.name, role.map_or("nobody", Role::name));
    console.note((&route, &channel), what, &session);
    Ok(Json(console.people(&session).await?))
}

/// `log-out` ends all of somebody's sessions, `factor-off` lets the password suffice for who lost
/// their telephone, `remove` ends the account.
pub async fn act(
    State(console): State<Console>,
    Path((name, act)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Admin).await?;
    let accounts = &console.doors.accounts;
    let person = accounts.person(&name).await?;
    if !session.rights.cover(&person.rights) {
        may_everywhere(&session, Role::Admin)?;
    }
    another(&session, &person)?;
    let what = match act.as_str() {
        "log-out" => {
            // No secret has the digest of nothing: all of them end.
            accounts.end_seats(&person.name, None, "").await?;
            "was logged out"
        }
        "factor-off" => {
            accounts.remove_factor(&person.name).await?;
            "needs no second factor"
        }
        "remove" => {
            accounts.remove(&person.name).await?;
            "has no account any more"
        }
        _ => return Err(Failure::new(StatusCode::NOT_FOUND, "not_found", "nothing is here")),
    };
    console.note(("", ""), format!("{} {what}", person.name), &session);
    Ok(Json(console.people(&session).await?))
}

/// Makes a link that is good for one account; it is shown once.
pub async fn invite(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let session = console.need(request.headers(), Role::Admin).await?;
    let Granted { route, channel, role } = read_json(request, BODY_BYTES_MAX).await?;
    let Some(role) = role else { return Err(unfit("role", "which role do they get?")) };
    let rights = match route {
        None => Rights::from(role),
        Some(route) => {
            let (channel, mut rights) = (console.doors.place(&route, &channel)?, Rights::default());
            rights.put(&route, &channel, Some(role));
            rights
        }
    };
    if !session.rights.cover(&rights) {
        may_everywhere(&session, Role::Admin)?;
    }
    let secret = console.doors.accounts.invite(rights, &session.name).await?;
    console.note(("", ""), format!("somebody is invited as {}", role.name()), &session);
    let mut told = console.people(&session).await?;
    // Behind `#`, so that no log of a server has it.
    told["link"] = format!("/join#{secret}").into();
    Ok((StatusCode::CREATED, Json(told)))
}

pub async fn take_back(
    State(console): State<Console>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let session = console.need(&headers, Role::Admin).await?;
    let open = console.doors.accounts.invitations().await?;
    if open.iter().any(|own| own.id == id && !session.rights.cover(&own.rights)) {
        may_everywhere(&session, Role::Admin)?;
    }
    console.doors.accounts.take_back(&id).await?;
    console.note(("", ""), "an invitation was taken back".to_owned(), &session);
    Ok(Json(console.people(&session).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Joining {
    secret: String,
    name: String,
    password: String,
}

/// Makes the account that an invitation is for; whoever has the link needs nothing else.
pub async fn join(
    State(console): State<Console>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let Joining { secret, name, password } = read_json(request, BODY_BYTES_MAX).await?;
    let (name, invitation) = console.doors.accounts.accept(&secret, &name, &password).await?;
    tracing::info!(name, by = invitation.by, "an invitation was accepted");
    console.note_by(("", ""), format!("{name} joined"), &invitation.by);
    Ok((StatusCode::CREATED, Json(json!({ "name": name }))))
}

impl Console {
    async fn people(&self, reader: &Session) -> Result<Value, Failure> {
        let people = self.doors.accounts.list().await?.into_iter();
        let people: Vec<Value> = people.filter_map(|person| told(person, reader)).collect();
        let mut invitations = self.doors.accounts.invitations().await?;
        invitations.retain(|Invitation { rights, .. }| reader.rights.cover(rights));
        Ok(json!({
            "now_ms": now_ms(),
            "people": people,
            "invitations": invitations,
            "routes": self.doors.config.inflows().map(|inflow| inflow.name).collect::<Vec<_>>(),
        }))
    }

    /// Puts on record what was changed of people's rights.
    fn note(&self, place: (&str, &str), what: String, session: &Session) {
        self.note_by(place, what, &session.name);
    }

    pub fn note_by(&self, place: (&str, &str), what: String, by: &str) {
        let settler = &self.doors.settler;
        let rules = &settler.pipeline.rules.load().version;
        settler.audit.record(record(settler.holds.fresh_id(), place, what, by, rules), None);
    }
}

/// Somebody as far as it concerns the reader's channels; `None` where it does not.
fn told(mut person: Person, reader: &Session) -> Option<Value> {
    let may_end = reader.rights.cover(&person.rights);
    let own = |route: &str, channel: &str| reader.rights.reach(route, channel, Role::Admin);
    person.rights.places.retain(|place| own(&place.route, &place.channel));
    person.rights.highest().or(may_end.then_some(Role::Viewer))?;
    let mut told = json!(person);
    told["may_end"] = (may_end && person.name != reader.name).into();
    if let Some(told) = told.as_object_mut().filter(|_| !may_end) {
        // How somebody else looks after their account is not for them.
        told.remove("sessions");
        told.remove("second_factor");
    }
    Some(told)
}
