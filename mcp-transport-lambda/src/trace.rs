//! AWS X-Ray's trace header as a W3C trace context.

use mcp_core::TraceContext;

/// Reads `Root=1-TIME-ID;Parent=SPAN;Sampled=1`.
///
/// X-Ray's trace identifier is W3C's with a version and two hyphens in it. A client's own trace
/// context goes before this one.
pub(crate) fn from_xray(header: &str) -> Option<TraceContext> {
    let (mut root, mut parent, mut sampled) = (None, None, false);
    for field in header.split(';') {
        match field.trim().split_once('=') {
            Some(("Root", value)) => root = Some(value),
            Some(("Parent", value)) => parent = Some(value),
            Some(("Sampled", value)) => sampled = value == "1",
            _ => {}
        }
    }
    let mut parts = root?.split('-');
    let (Some("1"), Some(time), Some(id), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let flags = if sampled { "01" } else { "00" };
    TraceContext::parse(&format!("00-{time}{id}-{}-{flags}", parent?), None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xray_traces_go_on() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let trace = from_xray(header).unwrap();
        assert_eq!(trace.trace_id(), "5759e988bd862e3fe1be46a994272793");
        assert_eq!(trace.parent_span_id(), "53995c3f42cd8ad8");
        assert!(trace.is_sampled());
        let lineage = format!("{header};Lineage=1:a87bd80c:1");
        assert_eq!(from_xray(&lineage).unwrap().trace_id(), trace.trace_id());
        let unsampled = from_xray(&header.replace("Sampled=1", "Sampled=0")).unwrap();
        assert!(!unsampled.is_sampled());
    }

    #[test]
    fn what_is_no_trace_is_none() {
        for header in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a994272793-x;Parent=53995c3f42cd8ad8",
            "Parent=53995c3f42cd8ad8",
            "Self=1-67891234-12456789abcdef012345678",
        ] {
            assert!(from_xray(header).is_none(), "{header}");
        }
    }
}
