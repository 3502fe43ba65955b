//! Answers each path in its own way, good and bad, so that tests can watch the runtime deal with it.

use std::time::Duration;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Server;

wasip2::http::proxy::export!(Server);

static mut CALLS: u32 = 0;

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match path.as_str() {
            "/loop" => loop {
                std::hint::black_box(0);
            },
            "/bomb" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(std::hint::black_box(vec![1_u8; 1 << 20]));
                }
            }
            "/panic" => panic!("as told"),
            "/headers" => {
                let headers = Fields::new();
                let added = (0..100_000).take_while(|n| headers.append(&format!("x-{n}"), b"value").is_ok()).count();
                answer(out, &format!("{added} headers"));
            }
            "/silent" => {}
            "/slow" => {
                std::thread::sleep(Duration::from_millis(500));
                answer(out, "slow");
            }
            "/after" => {
                answer(out, "answered");
                std::thread::sleep(Duration::from_millis(100));
                println!("after the answer");
            }
            "/echo" if matches!(request.method(), Method::Post) => {
                let body = request.consume().expect("the body was not taken");
                let stream = body.stream().expect("the stream was not taken");
                let mut text = Vec::new();
                while let Ok(bytes) = stream.blocking_read(64 << 10) {
                    text.extend(bytes);
                }
                answer(out, &format!("{} bytes", text.len()));
            }
            "/calls" => {
                // SAFETY: a component has one thread.
                let calls = unsafe {
                    CALLS += 1;
                    CALLS
                };
                answer(out, &format!("call {calls}"));
            }
            "/large" => answer(out, &"x".repeat(1 << 20)),
            "/endless" => endless(out),
            _ => answer(out, "ok"),
        }
    }
}

fn endless(out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body was not taken yet");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the stream was not taken yet");
    while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
}

fn answer(out: ResponseOutparam, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body was not taken yet");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the stream was not taken yet");
    for chunk in text.as_bytes().chunks(4096) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}
