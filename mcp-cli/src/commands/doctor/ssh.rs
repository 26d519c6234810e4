//! Whether `ssh` gets as far as the server.

use std::process::Stdio;

use tokio::process::Command;

use super::report::{Finding, Report};
use crate::args::Server;

const ABOUT: &str = "ssh";
/// What `ssh` ends with when it has failed itself.
const OWN_FAILURE: i32 = 255;

/// Starts the server by `ssh` with nothing to read, as which it ends. False where `ssh` fails itself.
pub(super) async fn examine(words: &[String], server: &Server, report: &mut Report) -> bool {
    let mut command = Command::new(&words[0]);
    // A question for a password or about a host's key is one that no client can answer.
    command.args(["-o", "BatchMode=yes"]).args(&words[1..]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let limit = server.connect_timeout;
    let output = match tokio::time::timeout(limit, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            let found = format!("cannot start ssh: {error}");
            report.add(Finding::wrong(ABOUT, found, "install OpenSSH's client"));
            return false;
        }
        Err(_) => {
            report.add(Finding::wrong(
                ABOUT,
                format!("no end after {} s", limit.as_secs_f64()),
                TIMED_OUT,
            ));
            return false;
        }
    };
    if output.status.code() != Some(OWN_FAILURE) {
        report.add(Finding::good(ABOUT, "the host lets this machine's key in, without a question"));
        return true;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    report.add(Finding::wrong(ABOUT, said, advice(said)));
    false
}

const TIMED_OUT: &str = "the security group admits another address than yours (curl -s \
                         https://checkip.amazonaws.com), or the instance does not run; where the command that is \
                         started is no server, it does not end with its input";

/// What to do about what OpenSSH says. It has no codes.
fn advice(said: &str) -> &'static str {
    let is = |part: &str| said.contains(part);
    if is("Connection timed out") || is("Operation timed out") || is("No route to host") {
        TIMED_OUT
    } else if is("Connection refused") {
        "the instance runs and nothing listens on the port: it is still starting, or sshd has another port (ssh -p)"
    } else if is("Permission denied") {
        "the key that is offered is not in authorized_keys of that user: ssh -v says which it is"
    } else if is("Host key verification failed") || is("REMOTE HOST IDENTIFICATION") {
        "run ssh by hand once and compare the host's key; an instance that has been replaced has another one \
         (ssh-keygen -R HOST)"
    } else if is("Could not resolve hostname") {
        "the name is not known here: an instance's public name changes when it has been stopped"
    } else {
        "try the same by hand: ssh -v"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_has_its_advice() {
        for (said, part) in [
            ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", "security group"),
            ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "nothing listens"),
            ("mcp@192.0.2.1: Permission denied (publickey).", "authorized_keys"),
            ("Host key verification failed.", "ssh-keygen -R"),
            ("ssh: Could not resolve hostname host: Name or service not known", "is not known"),
            ("kex_exchange_identification: read: Connection reset by peer", "ssh -v"),
        ] {
            assert!(advice(said).contains(part), "{said}");
        }
    }
}
