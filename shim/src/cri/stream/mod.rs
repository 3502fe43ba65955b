//! Streaming: exec, attach and port-forward, from an HTTP request to the streams of a client.
//!
//! # Flow
//! `upgrade` makes streams of a request, over `spdy` or `websocket`; `remote` is what a command sees of its client, `port_forward` joins
//! streams and connections to a pod. `exec` and `attach` join a client and a program (`relay`). `server` is the listener behind the URLs that CRI answers,
//! each good once (`token`); who asks CRI in this process answers its client with the ticket itself (`answer`).

mod attach;
mod exec;
mod inlet;
mod port_forward;
mod relay;
mod remote;
mod server;
mod spdy;
mod token;
mod upgrade;
mod websocket;

pub(super) use attach::attach;
pub(crate) use attach::attach_ticket;
pub(crate) use exec::exec_ticket;
pub(super) use exec::{exec, exec_sync};
pub(super) use port_forward::port_forward;
pub(crate) use port_forward::port_forward_ticket;
pub use server::serve;
pub(super) use server::{CLIENTS_MAX, Tickets};
pub(crate) use server::{Ticket, answer};
