//! `/exec`, `/attach` and `/portForward`: finds the container or the sandbox that is meant, asks CRI, and gives the client behind the
//! request what CRI allows. The client's connection comes with the request; nothing is copied on the way.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::agent::Agent;
use crate::agent::pod::config::CONTAINER_LABEL;
use crate::agent::pod::sandbox::UID_LABEL;
use crate::agent::pods::PodEntry;
use crate::cri::message::{
    AttachRequest, ContainerFilter, ContainerState, ContainerStateValue, ExecRequest, ListContainersRequest,
    ListPodSandboxRequest, PodSandboxFilter, PodSandboxState, PodSandboxStateValue, PortForwardRequest,
};
use crate::cri::{Error, stream};

/// The parameters of a URL, in order.
type Parameters = Query<Vec<(String, String)>>;

/// Talks with a command in a container.
pub(super) async fn exec(
    State(agent): State<Arc<Agent>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(parameters): Parameters,
    request: Request,
) -> Response {
    let options = match Options::read(&parameters) {
        Ok(options) => options,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let Some(entry) = agent.pods.find(&namespace, &pod) else { return no_pod() };
    let Some(container_id) = running(&agent, &entry, &container).await else {
        return failed(format!("container not found (\"{container}\")"));
    };
    let Options { stdin, stdout, stderr, tty } = options;
    let cmd = parameters.into_iter().filter(|(name, _)| name == "command").map(|(_, word)| word).collect();
    let req = ExecRequest { container_id, cmd, tty, stdin, stdout, stderr };
    redeem(&agent, stream::exec_ticket(&agent.service, req), request).await
}

/// Talks with the program of a container.
pub(super) async fn attach(
    State(agent): State<Arc<Agent>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(parameters): Parameters,
    request: Request,
) -> Response {
    let options = match Options::read(&parameters) {
        Ok(options) => options,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
    let Some(entry) = agent.pods.find(&namespace, &pod) else { return no_pod() };
    let Some(container_id) = running(&agent, &entry, &container).await else {
        return failed(format!("container {container} not found in pod {pod}_{namespace}"));
    };
    let Options { stdin, stdout, stderr, tty } = options;
    let req = AttachRequest { container_id, stdin, tty, stdout, stderr };
    redeem(&agent, stream::attach_ticket(&agent.service, req), request).await
}

/// Reaches ports of a pod.
pub(super) async fn port_forward(
    State(agent): State<Arc<Agent>>,
    Path((namespace, pod)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(entry) = agent.pods.find(&namespace, &pod) else { return no_pod() };
    let Some(pod_sandbox_id) = ready(&agent, &entry).await else {
        return failed(format!("pod not found (\"{pod}_{namespace}\")"));
    };
    let req = PortForwardRequest { pod_sandbox_id, port: Vec::new() };
    redeem(&agent, stream::port_forward_ticket(&agent.service, req), request).await
}

/// The streams that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    tty: bool,
}

impl Options {
    /// Upstream: the kubelet's `remotecommand.NewOptions`. A terminal has one stream for both outputs.
    fn read(parameters: &[(String, String)]) -> Result<Self, &'static str> {
        let is_set = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).is_some_and(|(_, it)| it == "1");
        let tty = is_set("tty");
        let (stdin, stdout, stderr) = (is_set("input"), is_set("output"), is_set("error") && !tty);
        if !stdin && !stdout && !stderr {
            return Err("you must specify at least 1 of stdin, stdout, stderr");
        }
        Ok(Self { stdin, stdout, stderr, tty })
    }
}

async fn redeem(agent: &Agent, ticket: Result<stream::Ticket, Error>, request: Request) -> Response {
    match ticket {
        Ok(ticket) => stream::answer(Arc::clone(&agent.service), ticket, request).await,
        Err(err) => failed(err.to_string()),
    }
}

/// The container's run that runs.
async fn running(agent: &Agent, entry: &PodEntry, container: &str) -> Option<String> {
    let labels = [(UID_LABEL, entry.uid.as_str()), (CONTAINER_LABEL, container)];
    let filter = ContainerFilter {
        label_selector: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        state: Some(ContainerStateValue { state: ContainerState::ContainerRunning.into() }),
        ..Default::default()
    };
    let listed = agent.cri.list_containers(ListContainersRequest { filter: Some(filter) }).await;
    listed.ok()?.containers.pop().map(|it| it.id)
}

/// The pod's sandbox, if it is ready.
async fn ready(agent: &Agent, entry: &PodEntry) -> Option<String> {
    let filter = PodSandboxFilter {
        label_selector: [(UID_LABEL.to_owned(), entry.uid.clone())].into(),
        state: Some(PodSandboxStateValue { state: PodSandboxState::SandboxReady.into() }),
        ..Default::default()
    };
    let listed = agent.cri.list_pod_sandbox(ListPodSandboxRequest { filter: Some(filter) }).await;
    listed.ok()?.items.pop().map(|it| it.id)
}

fn no_pod() -> Response {
    (StatusCode::NOT_FOUND, "pod does not exist").into_response()
}

fn failed(message: String) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_asked_for_by_ones() {
        let read = |pairs: &[(&str, &str)]| {
            let owned: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Options::read(&owned)
        };
        let all = [("input", "1"), ("output", "1"), ("error", "1")];
        assert_eq!(read(&all), Ok(Options { stdin: true, stdout: true, stderr: true, tty: false }));
        let terminal = [("output", "1"), ("error", "1"), ("tty", "1")];
        assert_eq!(read(&terminal), Ok(Options { stdin: false, stdout: true, stderr: false, tty: true }));
        assert!(read(&[("command", "ls"), ("output", "true")]).is_err());
    }
}
