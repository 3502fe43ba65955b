//! Replays transcripts of Kubernetes 1.37.2 against this server, in process and on memory storage.

pub mod normalize;
pub mod render;
pub mod text;
pub mod transcript;

use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use similar::TextDiff;
use tower::{Service, ServiceExt};

use normalize::{Placeholders, lenient};
use render::{Answer, holds, lookup, render};
use transcript::{Step, Transcript};

/// How long a step with `Until:` is repeated.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a step waits between two tries.
const RETRY: Duration = Duration::from_millis(100);

/// A server that can be asked.
pub trait Server:
    Service<Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible> + Clone
{
}
impl<S> Server for S where
    S: Service<Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible> + Clone
{
}

/// Replays one transcript; what differs, as text for a person. `name` is its file's name, `token` a `system:masters` one.
pub async fn replay<S: Server>(server: S, token: &str, name: &str, text: &str) -> Result<(), String> {
    let transcript = Transcript::parse(text);
    let mut run = Run {
        server,
        token: token.to_owned(),
        results: Vec::new(),
        seen: Placeholders {
            namespace: String::new(),
            keep_managed_fields: transcript.option_is("managedFields", "keep"),
            hide_counts: transcript.option_is("counts", "hide"),
            seen: Default::default(),
        },
    };
    if !transcript.option_is("namespace", "none") {
        run.make_namespace(name).await;
    }
    let mut differences = String::new();
    for (index, step) in transcript.steps.iter().enumerate() {
        let got = run.step(step).await?;
        let equal =
            got.len() == step.answer.len() && got.iter().zip(&step.answer).all(|(a, b)| lenient(a) == lenient(b));
        if !equal {
            differences += &format!("step {}: {}\n{}", index + 1, step.line, diff(&step.answer, &got));
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn diff(expected: &[String], got: &[String]) -> String {
    let (expected, got) = (expected.join("\n") + "\n", got.join("\n") + "\n");
    TextDiff::from_lines(&expected, &got).unified_diff().context_radius(2).header("expected", "got").to_string()
}

/// A replay under way.
struct Run<S> {
    server: S,
    token: String,
    /// The answers' JSON, for references.
    results: Vec<Value>,
    seen: Placeholders,
}

impl<S: Server> Run<S> {
    /// The namespace that a transcript gets for itself, with the account that pods need.
    async fn make_namespace(&mut self, name: &str) {
        let base: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
            .collect();
        let base: String = base.trim_matches('-').chars().take(40).collect();
        let namespace = format!("t-{}-12345678", base.trim_matches('-'));
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        self.ask("POST", "/api/v1/namespaces", &[], Some(object.to_string()))
            .await
            .expect("the request is well formed");
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        self.ask("POST", &path, &[], Some(object.to_string())).await.expect("the request is well formed");
        self.seen.namespace = namespace;
    }

    /// Asks what a step asks, and answers with the lines of a transcript.
    async fn step(&mut self, step: &Step) -> Result<Vec<String>, String> {
        let line = self.substitute(&step.line)?;
        let (method, url) = line.split_once(' ').ok_or_else(|| format!("no path: {line}"))?;
        let body = if step.body.is_empty() { None } else { Some(self.substitute(&step.body.join("\n"))?) };
        let headers: Vec<String> = step.headers.iter().map(|h| self.substitute(h)).collect::<Result<_, _>>()?;
        let conditions: Vec<String> = headers.iter().filter_map(|header| directive(header, "Until:")).collect();
        let only = headers.iter().find_map(|header| directive(header, "Only:"));
        let sent: Vec<&str> = headers
            .iter()
            .map(String::as_str)
            .filter(|h| !h.starts_with("Until:") && !h.starts_with("Only:"))
            .collect();
        let mut waited = Duration::ZERO;
        let answer = loop {
            let answer = self.ask(method, url, &sent, body.clone()).await?;
            if waited >= PATIENCE || conditions.iter().all(|condition| holds(condition, &answer.body)) {
                break answer;
            }
            tokio::time::sleep(RETRY).await;
            waited += RETRY;
        };
        let watch = answer.status == 200 && ["watch=true", "watch=1", "/watch/"].iter().any(|mark| url.contains(mark));
        let (lines, parsed) = render(&answer, watch, only.as_deref(), &mut self.seen);
        self.results.push(parsed);
        Ok(lines)
    }

    async fn ask(&self, method: &str, url: &str, headers: &[&str], body: Option<String>) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(url);
        let sent: Vec<(&str, &str)> = headers
            .iter()
            .filter_map(|header| header.split_once(':'))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let bearer = format!("Bearer {}", self.token);
        let mut defaults =
            vec![("Authorization", bearer.as_str()), ("Accept", "application/json"), ("User-Agent", "transcript")];
        if body.is_some() {
            defaults.push(("Content-Type", "application/json"));
        }
        defaults.retain(|(name, _)| !sent.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        for (name, value) in sent.into_iter().chain(defaults) {
            if (name, value) != ("Authorization", "none") {
                request = request.header(name, value);
            }
        }
        let body = body.unwrap_or_default();
        let request = request
            .header("Content-Length", body.len())
            .body(Body::from(body))
            .map_err(|e| format!("{method} {url}: {e}"))?;
        let response = self.server.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let (parts, body) = response.into_parts();
        let mut body = body.collect().await.map_err(|e| format!("{method} {url}: {e}"))?.to_bytes().to_vec();
        // On the wire an answer to HEAD has no body.
        if method == "HEAD" {
            body.clear();
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// `{ns}` and `{N.path}` replaced by what they stand for.
    fn substitute(&self, text: &str) -> Result<String, String> {
        let text = text.replace("{ns}", &self.seen.namespace);
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            out += before;
            match reference(after) {
                Some((step, path, length)) => {
                    let value = self.results.get(step - 1).and_then(|result| lookup(result, path));
                    match value.ok_or_else(|| format!("step {step} answered no {path}"))? {
                        Value::String(text) => out += text,
                        other => out += &text::compact(other),
                    }
                    rest = &after[length..];
                }
                None => {
                    out.push('{');
                    rest = &after[1..];
                }
            }
        }
        Ok(out + rest)
    }
}

/// The value of a header that speaks to the replayer, not to the server.
fn directive(header: &str, name: &str) -> Option<String> {
    header.strip_prefix(name).map(|value| value.trim().to_owned())
}

/// `{N.path}` at the start of `text`: N, path, and how long it is.
fn reference(text: &str) -> Option<(usize, &str, usize)> {
    let end = text[1..].find(['{', '}'])? + 1;
    if !text[end..].starts_with('}') {
        return None;
    }
    let (step, path) = text[1..end].split_once('.')?;
    let step = step.parse().ok().filter(|step| *step > 0)?;
    (!path.is_empty()).then_some((step, path, end + 1))
}
