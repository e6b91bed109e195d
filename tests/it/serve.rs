//! `nasbench serve`: programs that drive, over standard input, a socket and EvoXBench's TCP; hostile ones among them.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nasbench::search::SearchRng;
use nasbench::unit::Seed;
use rand::RngExt as _;
use serde_json::Value;

const BENCH: &str = "tests/data/tiny-benchmark";
const CELLS: &str = r#"{"cells":[{"matrix":"0100","ops":""},{"matrix":"010001000","ops":"maxpool3x3"}]}"#;

/// A server that ends with the test.
struct Server(Child);

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_nasbench"))
            .args(["serve", BENCH])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(program.unwrap())
    }

    /// The first line that it says.
    fn said(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line that nobody means well with.
fn hostile(rng: &mut SearchRng) -> Vec<u8> {
    let mut line = match rng.random_range(0..8) {
        0 => (0..rng.random_range(0..300)).map(|_| rng.random()).collect(),
        1 => "[".repeat(rng.random_range(1..20_000)).into_bytes(),
        2 => format!("{{\"cells\":[{}]}}", "{\"matrix\":\"0100\",\"ops\":\"\"},".repeat(rng.random_range(0..50))).into_bytes(),
        3 => format!("{{\"cells\":[{{\"matrix\":\"{}\",\"ops\":\"\"}}]}}", "1".repeat(rng.random_range(0..5_000))).into_bytes(),
        4 => format!("{{\"cells\":[{{\"matrix\":\"0100\",\"ops\":\"\",\"epochs\":{}}}]}}", rng.random::<i64>()).into_bytes(),
        5 => format!("{{\"cells\":{}}}", rng.random::<f64>()).into_bytes(),
        6 => "{\"cells\":[],\"cells\":[]}".into(),
        _ => CELLS.into(),
    };
    if !line.is_empty() {
        for _ in 0..rng.random_range(0..4) {
            let place = rng.random_range(0..line.len());
            line[place] = rng.random();
        }
    }
    line.retain(|byte| *byte != b'\n');
    line
}

/// Sends a thousand such lines; each that is not blank has one answer, and the next honest question is answered.
fn survives(mut input: impl Write + Send, output: impl std::io::Read, honest: &str) {
    let mut rng = Seed(7).rng();
    let lines: Vec<Vec<u8>> = (0..1_000).map(|_| hostile(&mut rng)).collect();
    let expected = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
    let mut answers = BufReader::new(output).lines().map(Result::unwrap);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in lines.iter().map(Vec::as_slice).chain([honest.as_bytes()]) {
                input.write_all(line).unwrap();
                input.write_all(b"\n").unwrap();
            }
            input.flush().unwrap();
        });
        for _ in 0..expected {
            let answer: Value = serde_json::from_str(&answers.next().unwrap()).unwrap();
            assert!(answer.get("error").is_some() || answer["type"] == "tell", "{answer}");
        }
        let answer: Value = serde_json::from_str(&answers.next().unwrap()).unwrap();
        assert_eq!(answer["trials"].as_array().unwrap().len(), 2, "{answer}");
    });
}

#[test]
fn a_thousand_hostile_lines_are_answered_one_by_one() {
    let mut server = Server::start(&["--stdio", "--quiet"]);
    let (input, output) = (server.0.stdin.take().unwrap(), server.0.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    assert!(first.starts_with('{') && first.contains(r#""type":"start""#), "{first}");
    survives(input, output, CELLS);
    // With the end of its input it ends, and well.
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn what_it_says_holds_no_test_accuracy() {
    let mut server = Server::start(&["--quiet"]);
    let mut input = server.0.stdin.take().unwrap();
    writeln!(input, "{CELLS}").unwrap();
    drop(input);
    let mut said = String::new();
    server.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("validation_accuracy") && !said.contains("test"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_socket_serves_many_and_one_that_is_killed_leaves_the_others() {
    use std::os::unix::net::UnixStream;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let start = || {
        let mut server = Server::start(&["--socket", path.to_str().unwrap()]);
        assert!(server.said().contains("listening at"));
        server
    };
    // One that is killed leaves its socket behind, and the next one takes its place.
    drop(start());
    assert!(path.exists());
    let server = start();
    let connect = || {
        let connection = UnixStream::connect(&path).unwrap();
        connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut output = BufReader::new(connection.try_clone().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        assert!(first.contains(r#""protocol":1"#), "{first}");
        (connection, output)
    };
    let (mut honest, mut answers) = connect();
    // Some leave in the middle of a line, one without reading what it asked for.
    for _ in 0..50 {
        let (mut leaving, _) = connect();
        leaving.write_all(br#"{"cells":[{"matrix""#).unwrap();
    }
    let (mut deaf, _) = connect();
    for _ in 0..100 {
        let _ = writeln!(deaf, "{CELLS}");
    }
    let (hostile, output) = connect();
    survives(hostile, output, CELLS);
    writeln!(honest, "{CELLS}").unwrap();
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    assert!(line.contains("trials"), "{line}");
    // A second one at the same path is told why not.
    let output = Command::new(env!("CARGO_BIN_EXE_nasbench")).args(["serve", BENCH, "--socket"]).arg(&path).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not listen at"));
    drop(server);
}

#[test]
fn evoxbench_is_answered_at_the_loopback_address() {
    let mut server = Server::start(&["--evoxbench", "0"]);
    let said = server.said();
    let address = said.trim().trim_start_matches("listening at ").split(';').next().unwrap().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{said}");
    let connect = || {
        let connection = TcpStream::connect(&address).unwrap();
        connection.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        (connection.try_clone().unwrap(), BufReader::new(connection))
    };
    let (mut input, mut output) = connect();
    let mut ask = |line: &str| {
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        answer
    };
    let create = r#"{"operation":"create","config":{"name":"nb101","args":{"objs":"err&params&flops"}}}"#;
    assert_eq!(ask(create).trim(), r#"{"status":"ok"}"#);
    let encoding = format!("[{}]", [&["0"; 5][..], &["1"], &["0"; 20]].concat().join(","));
    let answer = ask(&format!(r#"{{"operation":"query","encoding":[{encoding},{encoding}],"true_eval":true}}"#));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((answer["result"].as_array().unwrap().len(), answer["result"][0].as_array().unwrap().len()), (2, 3));
    assert_eq!(answer["result"][0], answer["result"][1]);
    assert!(
        ask(&format!(r#"{{"operation":"query","encoding":[{}],"true_eval":true}}"#, ["0"; 26].join(","))).contains("Infinity")
    );
    // A thousand hostile lines, each with an answer.
    let mut rng = Seed(3).rng();
    for _ in 0..1_000 {
        let line: Vec<u8> = hostile(&mut rng).into_iter().filter(|byte| *byte != b'\n').collect();
        let answer = ask(&String::from_utf8_lossy(&line).replace(['\n', '\r'], ""));
        assert!(answer.contains(r#""status":"err""#), "{answer}");
    }
    assert_eq!(ask(create).trim(), r#"{"status":"ok"}"#);
    // `delete` ends the connection, and no other.
    let (mut leaving, mut end) = connect();
    writeln!(leaving, r#"{{"operation":"delete"}}"#).unwrap();
    let mut rest = String::new();
    let started = Instant::now();
    drop(leaving);
    end.read_to_string(&mut rest).unwrap();
    assert!(rest.is_empty() && started.elapsed() < Duration::from_secs(30));
    assert!(ask(r#"{"operation":"settings"}"#).contains(r#""n_var":26"#));
}
