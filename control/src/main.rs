//! Composition root.
mod admin;
mod args;
mod config;
mod image;
mod kubeconfig;
mod pki;
fn main() {}
