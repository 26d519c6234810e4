//! Who may call, and whether those who may not are told how to.

use http::{StatusCode, header};
use serde_json::json;

use super::{
    front::{is_loopback, unreachable},
    metadata,
    probe::{Answer, Probe},
    report::{Finding, Report},
};

/// Whether callers have to show a credential, whether they are told so, and whether it is taken.
pub(super) async fn authentication(probe: &Probe, anonymous: &Answer, report: &mut Report) -> bool {
    let is_refused = anonymous.status == StatusCode::FORBIDDEN
        && ["Message", "message"].iter().any(|key| anonymous.body.get(key).is_some());
    if is_refused && probe.signer.is_some() {
        return signature(probe, report).await;
    }
    if is_refused {
        report.add(Finding::wrong(
            "authentication",
            "AWS itself refuses: the address wants requests signed by IAM, or is no route of API Gateway's",
            "sign them with --sigv4 lambda or --sigv4 execute-api, or set the authorization type to NONE \
             and let the server ask for keys or tokens; for a REST API see that stage and path are in the \
             address, as it also refuses what it does not know",
        ));
        return false;
    }
    if anonymous.status != StatusCode::UNAUTHORIZED {
        if is_loopback(&probe.address) {
            report.add(Finding::good("authentication", "none, which is well on loopback"));
        } else {
            report.add(Finding::doubtful(
                "authentication",
                "anyone who can reach the address may call the tools",
                "ask callers for API keys or tokens, unless the tools are for everyone",
            ));
        }
        return true;
    }
    metadata::challenge(probe, &anonymous.headers, report).await;
    if probe.headers.is_empty() {
        let advice = "pass --api-key, --bearer or --header to look further";
        report.add(Finding::doubtful("authentication", "callers need a credential", advice));
        return false;
    }
    let discover = probe.request("server/discover", json!({}));
    match probe.post(&discover, probe.headers.clone()).await {
        Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
            let told = answer.headers.get(header::WWW_AUTHENTICATE);
            let told = told.and_then(|told| told.to_str().ok()).unwrap_or("without a reason");
            let found = format!("the credential is refused: {told}");
            let advice = "it may have expired, be another server's, or lack its name in the \
                          server's list; the server's log says more";
            report.add(Finding::wrong("authentication", found, advice));
            false
        }
        Ok(_) => {
            report.add(Finding::good("authentication", "the credential is taken"));
            true
        }
        Err(error) => {
            report.add(unreachable(&probe.address, &error));
            false
        }
    }
}

/// Whether AWS lets in whom it has refused without a signature.
async fn signature(probe: &Probe, report: &mut Report) -> bool {
    let discover = probe.request("server/discover", json!({}));
    let Ok(answer) = probe.post(&discover, probe.headers.clone()).await else { return false };
    if answer.status != StatusCode::FORBIDDEN {
        report.add(Finding::good("authentication", "AWS asks for a signature, and takes this one"));
        return true;
    }
    let said = ["Message", "message"].iter().find_map(|key| answer.body[key].as_str());
    report.add(Finding::wrong(
        "authentication",
        format!("AWS refuses the signature: {}", said.unwrap_or("without a reason")),
        "the identity (aws sts get-caller-identity) needs lambda:InvokeFunctionUrl and \
         lambda:InvokeFunction, or execute-api:Invoke; a wrong service, region or clock makes \
         another signature",
    ));
    false
}
