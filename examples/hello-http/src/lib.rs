//! Answers every request with one line that says who it is: the smallest web server that can run as a pod.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let who = std::env::var("GREETING").unwrap_or_else(|_| "Hello from Wasm".to_owned());
        let text = format!("{who}: {path}\n");

        let headers = Fields::new();
        let content_type = b"text/plain; charset=utf-8".to_vec();
        headers.append("content-type", &content_type).expect("the name and value are well-formed");
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the body was not taken yet");
        ResponseOutparam::set(out, Ok(response));

        let stream = body.write().expect("the stream was not taken yet");
        // A client that has gone away is no error of ours.
        let _ = stream.blocking_write_and_flush(text.as_bytes());
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
