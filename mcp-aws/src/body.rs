use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame};

/// A body that ends after so many bytes, whatever comes after them.
///
/// It ends without an error, as an error of the body would make the request be sent again: who reads
/// it asks for one byte more than is allowed.
pub(crate) struct Truncated {
    body: SdkBody,
    left: usize,
}

impl Truncated {
    pub(crate) fn new(body: SdkBody, bytes: usize) -> Self {
        Self { body, left: bytes }
    }
}

impl Body for Truncated {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|mut data| {
                    data.truncate(self.left);
                    self.left -= data.len();
                    data
                })
            })
        }))
    }
}
