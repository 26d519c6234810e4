//! The standard streams of this process, set aside for the transport.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Where input and output of messages are.
pub(crate) fn open() -> io::Result<(Reader, Writer)> {
    os::open()
}

/// Reads through a thread of its own.
///
/// `tokio::io::stdin` reads on the runtime's blocking threads, for which the runtime waits at its
/// end: a server on a terminal would not stop before the next line.
fn read_in_thread(mut source: impl io::Read + Send + 'static) -> io::Result<Reader> {
    const CHUNK: usize = 64 * 1024;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut chunk = vec![0; CHUNK];
        loop {
            let message = match source.read(&mut chunk) {
                Ok(0) => return,
                Ok(length) => Ok(bytes::Bytes::copy_from_slice(&chunk[..length])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = message.is_err();
            if sender.blocking_send(message).is_err() || failed {
                return;
            }
        }
    })?;
    let chunks = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    Ok(Box::new(tokio_util::io::StreamReader::new(chunks)))
}

#[cfg(unix)]
mod os {
    use std::{
        fs::File,
        io::{self, IsTerminal as _, Write as _},
        os::{
            fd::{AsFd, AsRawFd as _, OwnedFd},
            unix::fs::{FileTypeExt as _, MetadataExt as _},
        },
        path::PathBuf,
        sync::{Mutex, PoisonError},
    };

    use tokio::net::{UnixStream, unix::pipe};

    use super::{Reader, Writer, read_in_thread};

    struct SetAside {
        input: OwnedFd,
        output: OwnedFd,
    }

    /// The streams as they were before descriptors 0 and 1 were pointed elsewhere.
    static SET_ASIDE: Mutex<Option<SetAside>> = Mutex::new(None);

    pub(super) fn open() -> io::Result<(Reader, Writer)> {
        let mut set_aside = SET_ASIDE.lock().unwrap_or_else(PoisonError::into_inner);
        if set_aside.is_none() {
            *set_aside = Some(SetAside::take()?);
        }
        let Some(SetAside { input, output }) = &*set_aside else {
            return Err(io::ErrorKind::NotFound.into());
        };
        Ok((reader(input.try_clone()?)?, writer(output.try_clone()?)?))
    }

    impl SetAside {
        fn take() -> io::Result<Self> {
            let stdout = io::stdout();
            let output = stdout.as_fd().try_clone_to_owned()?;
            let input = io::stdin().as_fd().try_clone_to_owned()?;
            let null = File::options().read(true).write(true).open("/dev/null")?;
            if is_standard_error(&output)? && !output.is_terminal() {
                rustix::stdio::dup2_stdout(&null)?;
            } else {
                rustix::stdio::dup2_stdout(io::stderr())?;
            }
            rustix::stdio::dup2_stdin(&null)?;
            // What was printed without a line break would come later, out of nowhere.
            let _ = stdout.lock().flush();
            Ok(Self { input, output })
        }
    }

    /// Whether a stream leads to the same place as standard error, which must stay blocking for
    /// all who write to it.
    fn is_standard_error(stream: &OwnedFd) -> io::Result<bool> {
        let stream = metadata(stream)?;
        let stderr = metadata(io::stderr())?;
        Ok((stream.dev(), stream.ino()) == (stderr.dev(), stderr.ino()))
    }

    fn metadata(stream: impl AsFd) -> io::Result<std::fs::Metadata> {
        File::from(stream.as_fd().try_clone_to_owned()?).metadata()
    }

    fn reader(input: OwnedFd) -> io::Result<Reader> {
        let kind = metadata(&input)?.file_type();
        if kind.is_fifo() {
            if let Ok(pipe) = pipe::OpenOptions::new().open_receiver(reopened(&input)) {
                return Ok(Box::new(pipe));
            }
            if !is_standard_error(&input)? {
                return Ok(Box::new(pipe::Receiver::from_owned_fd(input)?));
            }
        }
        match unix_socket(input)? {
            Ok(socket) => Ok(Box::new(socket)),
            Err(input) => read_in_thread(blocking(input)),
        }
    }

    fn writer(output: OwnedFd) -> io::Result<Writer> {
        let kind = metadata(&output)?.file_type();
        if kind.is_fifo() {
            if let Ok(pipe) = pipe::OpenOptions::new().open_sender(reopened(&output)) {
                return Ok(Box::new(pipe));
            }
            if !is_standard_error(&output)? {
                return Ok(Box::new(pipe::Sender::from_owned_fd(output)?));
            }
        }
        match unix_socket(output)? {
            Ok(socket) => Ok(Box::new(socket)),
            Err(output) => Ok(Box::new(tokio::fs::File::from_std(blocking(output)))),
        }
    }

    /// Where Linux opens a pipe once more. Whether reads block is then a matter of this process
    /// alone, not of all that were handed the same end.
    fn reopened(pipe: &OwnedFd) -> PathBuf {
        format!("/proc/self/fd/{}", pipe.as_raw_fd()).into()
    }

    /// Node starts servers with sockets for pipes.
    fn unix_socket(stream: OwnedFd) -> io::Result<Result<UnixStream, OwnedFd>> {
        if !metadata(&stream)?.file_type().is_socket() || is_standard_error(&stream)? {
            return Ok(Err(stream));
        }
        let socket = std::os::unix::net::UnixStream::from(stream);
        // Sockets of other families have no address that this type could tell.
        if socket.local_addr().is_err() {
            return Ok(Err(socket.into()));
        }
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket).map(Ok)
    }

    /// Undoes what another process may have done to a terminal that both have.
    fn blocking(stream: OwnedFd) -> File {
        let _ = rustix::io::ioctl_fionbio(&stream, false);
        stream.into()
    }
}

#[cfg(not(unix))]
mod os {
    use std::io;

    use super::{Reader, Writer, read_in_thread};

    pub(super) fn open() -> io::Result<(Reader, Writer)> {
        Ok((read_in_thread(io::stdin())?, Box::new(tokio::io::stdout())))
    }
}
