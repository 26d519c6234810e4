//! One source, every client: in memory, over stdio and over HTTP, modern and legacy.

use ask::{BookTable, server};
use mcp_testing::{Answer, Asked, Harness};
use serde_json::{Value, json};

fn table() -> BookTable {
    BookTable { name: "Ada".to_owned() }
}

/// A user who wants a table for so many, and then says this.
fn user(guests: u32, then: Answer) -> impl Fn(Asked) -> Answer + Send + Sync + 'static {
    move |asked| match asked {
        Asked::Form { schema, .. } if !schema["properties"]["guests"].is_null() => {
            Answer::Accept(json!({ "date": "2026-12-31", "guests": guests, "place": "window" }))
        }
        Asked::Form { message, .. } if message.starts_with("Book a table") => then.clone(),
        other => panic!("not to be asked: {other:?}"),
    }
}

fn yes() -> Answer {
    Answer::Accept(json!({ "book": true }))
}

#[mcp_testing::test(server())]
async fn a_table_is_booked_with_two_questions(mcp: Harness) {
    let mcp = mcp.answering(user(4, yes()));
    assert_eq!(
        mcp.call(table()).await.text(),
        "Booked for Ada, number 0: a table for 4 by the window on 2026-12-31."
    );
}

#[mcp_testing::test(server())]
async fn seats_are_held_once_for_each_booking_and_released(mcp: Harness) {
    let mcp = mcp.answering(user(12, yes()));
    assert!(mcp.call(table()).await.text().contains("number 0"));
    // Held once each, and released.
    for answer in [Answer::Decline, Answer::Cancel, Answer::Accept(json!({ "book": false }))] {
        mcp.set_answering(user(8, answer));
        assert_eq!(mcp.call(table()).await.text(), "Nothing was booked.");
    }
    mcp.set_answering(user(9, yes()));
    assert!(mcp.call(table()).await.tool_error().contains("only 8 seats are free"));
    mcp.set_answering(user(8, yes()));
    assert!(mcp.call(table()).await.text().contains("number 4"));
}

#[mcp_testing::test(server())]
async fn a_user_who_declines_gets_no_table(mcp: Harness) {
    let mcp = mcp.answering(|_| Answer::Decline);
    assert_eq!(mcp.call(table()).await.tool_error(), "the user does not want a table");
}

#[mcp_testing::test(server())]
async fn the_form_is_what_clients_know_to_show(mcp: Harness) {
    let mcp = mcp.answering(|asked| match asked {
        Asked::Form { schema, .. } => {
            let properties = &schema["properties"];
            assert_eq!(properties["date"]["format"], "date");
            assert_eq!(properties["guests"]["maximum"], 12);
            let titles: Vec<&Value> = properties["place"]["oneOf"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|option| &option["title"])
                .collect();
            assert_eq!(titles, ["By the window", "In the garden"]);
            assert_eq!(schema["required"], json!(["date", "guests"]));
            Answer::Cancel
        }
        other => panic!("not to be asked: {other:?}"),
    });
    mcp.call(table()).await.tool_error();
}
