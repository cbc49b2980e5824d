//! A name server for `shop.test`, over UDP: which port serves a name. It answers questions for SRV records (RFC 2782) only.
//!
//! DNS has no headers, so the asker's `traceparent` travels as an EDNS option (RFC 6891) of the range for local use.

use crate::telemetry::{Service, from_pairs, traceparent};
use crate::{Error, Stop};
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

const TYPE_SRV: u16 = 33;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;
const OPTION_TRACEPARENT: u16 = 65001;
const NOT_FOUND: u16 = 3;
const HEADER_BYTES: usize = 12;
const MESSAGE_BYTES_MAX: usize = 512;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    id: u16,
    name: String,
    traceparent: Option<String>,
}

/// Which port serves which name.
pub type Zone = HashMap<String, u16>;

/// Answers until `stop`.
pub async fn serve(socket: UdpSocket, service: Service, zone: Zone, stop: Stop) {
    let mut buffer = [0; MESSAGE_BYTES_MAX];
    loop {
        let came = tokio::select! {
            () = stop.cancelled() => return,
            came = socket.recv_from(&mut buffer) => came,
        };
        let Ok((length, from)) = came else { continue };
        let Some(question) = buffer.get(..length).and_then(decode_question) else { continue };
        let parent = question.traceparent.clone().map(|value| ("traceparent".to_owned(), value));
        let parent = from_pairs(&parent.into_iter().collect());
        let attributes = vec![KeyValue::new("dns.question.name", question.name.clone())];
        let work = service.start(SpanKind::Server, "SRV", &parent, attributes);
        let port = zone.get(&question.name).copied();
        if port.is_none() {
            work.set("dns.response_code", "NXDOMAIN");
        }
        // Whoever does not hear the answer asks again.
        let _ = socket.send_to(&encode_answer(&question, port), from).await;
        work.finish();
    }
}

/// Asks the server which port serves `name`.
pub async fn look_up(
    service: &Service,
    server: SocketAddr,
    name: &str,
    parent: &Context,
) -> Result<u16, Error> {
    let attributes = vec![
        KeyValue::new("dns.question.name", name.to_owned()),
        KeyValue::new("server.address", crate::http::address("dns")),
        KeyValue::new("server.port", i64::from(server.port())),
    ];
    let work = service.start(SpanKind::Client, "SRV", parent, attributes);
    let traceparent = Some(traceparent(work.context()));
    let question = Question { id: 1, name: name.to_owned(), traceparent };
    let asked = async {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
        socket.connect(server).await?;
        socket.send(&encode_question(&question)).await?;
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        let length = socket.recv(&mut buffer).await?;
        Ok::<_, std::io::Error>(buffer.get(..length).and_then(decode_port))
    };
    let answer = match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
        Ok(Ok(Some(port))) => Ok(port),
        Ok(Ok(None)) => Err(Error::Name(format!("{name} is not known"))),
        Ok(Err(error)) => Err(Error::Name(error.to_string())),
        Err(_) => Err(Error::Name("no answer in time".to_owned())),
    };
    if let Err(error) = &answer {
        work.fail("name_error", error.to_string());
    }
    let context = work.context().clone();
    let elapsed = work.finish();
    let measured = [KeyValue::new("dns.question.name", name.to_owned())];
    service.measure("dns.lookup.duration", elapsed, &measured, &context);
    answer
}

fn put(bytes: &mut Vec<u8>, numbers: &[u16]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}

fn put_name(bytes: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| (1..64).contains(&label.len())) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
}

fn encode_question(question: &Question) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let additional = u16::from(question.traceparent.is_some());
    put(&mut bytes, &[question.id, 0x0100, 1, 0, 0, additional]);
    put_name(&mut bytes, &question.name);
    put(&mut bytes, &[TYPE_SRV, CLASS_IN]);
    if let Some(value) = &question.traceparent {
        let length = value.len() as u16;
        bytes.push(0);
        put(&mut bytes, &[TYPE_OPT, MESSAGE_BYTES_MAX as u16, 0, 0, length + 4]);
        put(&mut bytes, &[OPTION_TRACEPARENT, length]);
        bytes.extend(value.as_bytes());
    }
    bytes
}

/// The name from `at` on, without pointers, and where it ends.
fn name_at(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        match length {
            0 => return Some((labels.join("."), at)),
            1..64 => labels.push(std::str::from_utf8(bytes.get(at..at + length)?).ok()?),
            _ => return None,
        }
        at += length;
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn decode_question(bytes: &[u8]) -> Option<Question> {
    let (name, end) = name_at(bytes, HEADER_BYTES)?;
    let is_ours = number_at(bytes, 4)? == 1 && number_at(bytes, end)? == TYPE_SRV;
    let option = || {
        let at = end + 4;
        let is_option = bytes.get(at) == Some(&0)
            && number_at(bytes, at + 1)? == TYPE_OPT
            && number_at(bytes, at + 11)? == OPTION_TRACEPARENT;
        let length = usize::from(number_at(bytes, at + 13)?);
        let value = bytes.get(at + 15..at + 15 + length).filter(|_| is_option)?;
        Some(std::str::from_utf8(value).ok()?.to_owned())
    };
    is_ours.then(|| Question { id: number_at(bytes, 0).unwrap_or(0), name, traceparent: option() })
}

fn encode_answer(question: &Question, port: Option<u16>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let code = if port.is_some() { 0 } else { NOT_FOUND };
    put(&mut bytes, &[question.id, 0x8400 | code, 1, u16::from(port.is_some()), 0, 0]);
    put_name(&mut bytes, &question.name);
    put(&mut bytes, &[TYPE_SRV, CLASS_IN]);
    if let Some(port) = port {
        let mut target = Vec::new();
        put_name(&mut target, "cdn.shop.test");
        // The question's name, by a pointer; 30 seconds; priority and weight.
        let length = target.len() as u16 + 6;
        put(&mut bytes, &[0xc00c, TYPE_SRV, CLASS_IN, 0, 30, length, 1, 1, port]);
        bytes.extend(target);
    }
    bytes
}

fn decode_port(bytes: &[u8]) -> Option<u16> {
    let (_, end) = name_at(bytes, HEADER_BYTES)?;
    let has_answer = number_at(bytes, 2)? & 0x0f == 0 && number_at(bytes, 6)? > 0;
    number_at(bytes, end + 4 + 16).filter(|_| has_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_survive_the_wire() {
        let parent = "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01".to_owned();
        for traceparent in [None, Some(parent)] {
            let name = "_https._tcp.shop.test".to_owned();
            let question = Question { id: 77, name, traceparent };
            let bytes = encode_question(&question);
            assert_eq!(decode_question(&bytes), Some(question.clone()));
            assert_eq!(decode_port(&encode_answer(&question, Some(8443))), Some(8443));
            assert_eq!(decode_port(&encode_answer(&question, None)), None);
        }
    }

    #[test]
    fn what_is_cut_off_or_nonsense_is_no_question() {
        let traceparent = Some("00-5b8e".to_owned());
        let question = Question { id: 1, name: "a.test".to_owned(), traceparent };
        let bytes = encode_question(&question);
        let (_, end) = name_at(&bytes, HEADER_BYTES).unwrap();
        for length in 0..end + 2 {
            assert_eq!(decode_question(&bytes[..length]), None, "{length}");
        }
        // Cut within the option: still a question, of nobody.
        let cut = decode_question(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!((cut.name.as_str(), cut.traceparent), ("a.test", None));
        assert_eq!(decode_question(&[0xff; 64]), None);
    }
}
