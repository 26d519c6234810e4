//! A tool that asks its user, written once for clients of both protocol eras.
//!
//! A modern client gets the questions as a result and makes its call again with the answers; the
//! tool is then run again from its start. A legacy client is asked while the call waits. Nothing
//! here tells one from the other: what must not be done twice is a step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_serve::{
    Call, Elicited, OrToolError as _, Server, Tool, ToolContext, ToolError, ToolErrorKind,
    ToolPack, ToolResult,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The server, for `main` and for tests.
pub fn server() -> Server {
    Server::builder("ask", env!("CARGO_PKG_VERSION"))
        .pack(ToolPack::new("restaurant", Restaurant::default()).tool::<BookTable>())
        .build()
}

/// The bookings of a restaurant.
#[derive(Debug, Default)]
pub struct Restaurant(Mutex<Vec<Booking>>);

/// Seats that are taken on a day, or held for someone who is being asked.
#[derive(Debug)]
struct Booking {
    date: String,
    guests: u32,
    released: bool,
}

/// How many people there is room for on a day.
const SEATS: u32 = 20;

impl Restaurant {
    fn bookings(&self) -> MutexGuard<'_, Vec<Booking>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds seats. Returns a number to release them by.
    fn hold(&self, date: &str, guests: u32) -> ToolResult<usize> {
        let mut bookings = self.bookings();
        let on_the_day = bookings.iter().filter(|other| other.date == date && !other.released);
        let free = SEATS - on_the_day.map(|other| other.guests).sum::<u32>();
        if guests > free {
            let message = format!("only {free} seats are free on {date}: try another day");
            return Err(ToolError::new(ToolErrorKind::Unavailable, message));
        }
        bookings.push(Booking { date: date.to_owned(), guests, released: false });
        Ok(bookings.len() - 1)
    }

    /// Releases what is held under a number. A client may send one answer several times, so doing
    /// it again changes nothing.
    fn release(&self, number: usize) {
        if let Some(booking) = self.bookings().get_mut(number) {
            booking.released = true;
        }
    }
}

/// Books a table. Asks the user for the day and the number of guests, holds the seats, and has the
/// user confirm before it books.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(open_world = false)]
pub struct BookTable {
    /// The name that the table is booked under.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
}

/// When and for how many.
#[derive(Debug, Deserialize, JsonSchema)]
struct Party {
    /// The day, as in 2026-12-31.
    #[schemars(extend("format" = "date"))]
    date: String,
    /// How many people come.
    #[schemars(range(min = 1, max = 12))]
    guests: u32,
    /// Where to sit, if it matters.
    place: Option<Place>,
}

/// Where a table stands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Place {
    /// By the window
    Window,
    /// In the garden
    Garden,
}

/// Whether it is all right so.
#[derive(Debug, Deserialize, JsonSchema)]
struct Confirmation {
    /// Whether to book.
    book: bool,
}

impl Call<Restaurant> for BookTable {
    type Output = String;

    async fn call(self, restaurant: &Restaurant, cx: &ToolContext) -> ToolResult<String> {
        let party = cx.question("party").elicit::<Party>("When do you come, and how many are you?");
        let Party { date, guests, place } = party
            .await?
            .accepted()
            .or_tool_error(ToolErrorKind::PermissionDenied, "the user does not want a table")?;

        // The seats must not be held a second time when the confirmation comes back.
        let held = async { restaurant.hold(&date, guests) };
        let number = cx.step("hold", held).await?;

        let place = match place {
            Some(Place::Window) => " by the window",
            Some(Place::Garden) => " in the garden",
            None => "",
        };
        let table = format!("a table for {guests}{place} on {date}");
        let question = format!("Book {table}?");
        match cx.question("confirm").elicit::<Confirmation>(question).await? {
            Elicited::Accepted(Confirmation { book: true }) => {
                Ok(format!("Booked for {}, number {number}: {table}.", self.name))
            }
            Elicited::Accepted(_) | Elicited::Declined | Elicited::Cancelled => {
                restaurant.release(number);
                Ok("Nothing was booked.".to_owned())
            }
        }
    }
}
