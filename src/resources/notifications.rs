//! Notifications: what users were told of. The store tells which messages these are; what is said of them is decided here.

use super::messages::{Message, Subject, complete, cursor, page, represent as represent_message};
use super::{channels, users};
use crate::Timestamp;
use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{
    ApplicationSentSystemMessageNotificationData, ChatUserMentionedChannelNotificationData,
    ChatUserMentionedChatUserNotificationData, ChatUserRepliedToChatUserMessageNotificationData,
    ChatUserSentChatUserMessageNotificationData, CursorPagedModelNotificationResource,
    CursorPagedModelNotificationResourceEmbedded, NotificationLinks, NotificationResource,
};
use crate::generated::server::NotificationsApi;
use crate::generated::server::notifications::ListUserNotificationsQuery;
use crate::generated::wire::NotificationData;
use crate::hal::{CursorRequest, Urls};
use crate::platform::Platform;
use crate::store::messages::{self, Cursor};
use crate::store::users::UserRow;
use crate::store::{
    StoreError, Tx, channels as channel_rows, notifications, read_receipts, threads, users as user_rows,
};
use openapi_dropshot::runtime::{Call, Reply};
use serde_json::Map;
use std::collections::{BTreeSet, HashMap, HashSet};

impl NotificationsApi for Platform {
    async fn list_user_notifications(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListUserNotificationsQuery,
    ) -> Result<Reply<CursorPagedModelNotificationResource>, Error> {
        let application = caller.application;
        let request = cursor(CursorRequest::new(query.size, query.start, query.next, query.relation))?;
        let found = self
            .store
            .read(move |tx| {
                let Some(user) = user_rows::get(tx, application, id)? else { return Ok(None) };
                let find = |cursor: Cursor, limit| {
                    let (range, ascending) = cursor.range();
                    let ids = notifications::find(tx, application, id, range, ascending, limit)?;
                    messages::find_by_ids(tx, application, &ids)
                };
                let (rows, newer, older) = page(request, find)?;
                Ok(Some((notices(tx, &user, complete(tx, application, rows)?)?, newer, older)))
            })
            .await?;
        let (notices, newer, older) = found.ok_or(Error::NotFound("user"))?;
        let urls = self.urls(call, application);
        let ids: Vec<i64> = notices.iter().map(|notice| notice.message.id()).collect();
        let (links, page) = request.page(&urls.nested("users", id, "notifications"), "", &ids, newer, older);
        let notifications = notices.into_iter().map(|notice| represent(notice, id, &urls)).collect();
        let embedded = CursorPagedModelNotificationResourceEmbedded { notifications };
        Ok(CursorPagedModelNotificationResource { embedded, page, links }.into())
    }
}

/// A message, and why a user was told of it.
struct Notice {
    message: Message,
    channel: channels::Channel,
    occasion: Occasion,
    /// When the user read it, in milliseconds since the epoch.
    read_time: Option<i64>,
}

/// Why a user was told.
enum Occasion {
    /// A message mentions the user.
    MentionedUser(Box<UserRow>),
    /// A message mentions a channel of the user.
    MentionedChannel(Box<channels::Channel>),
    /// A user replied to a message of the user.
    Replied { parent: Box<Message> },
    /// A user or the application sent a message.
    Sent,
}

/// Why a user was told of each of these messages, by a few queries for a whole page.
fn notices(tx: &Tx<'_>, user: &UserRow, messages: Vec<Message>) -> Result<Vec<Notice>, StoreError> {
    let application = user.application_id;
    let mentioned: BTreeSet<i64> = messages.iter().flat_map(mentioned_channels).collect();
    let mentioned: Vec<i64> = mentioned.into_iter().collect();
    let joined: HashSet<i64> = notifications::joined(tx, application, user.id, &mentioned)?.into_iter().collect();
    let shown: BTreeSet<i64> =
        messages.iter().map(|message| message.row.channel_id).chain(joined.iter().copied()).collect();
    let rows = channel_rows::find_by_ids(tx, application, &shown.into_iter().collect::<Vec<_>>())?;
    let channels: HashMap<i64, channels::Channel> =
        channels::with_users(tx, application, rows)?.into_iter().map(|channel| (channel.row.id, channel)).collect();
    let parents = parents(tx, user, &messages)?;
    let ids: Vec<i64> = messages.iter().map(Message::id).collect();
    let read: HashMap<i64, i64> = read_receipts::of_user(tx, application, user.id, &ids)?.into_iter().collect();
    let notice = |message: Message| {
        let names_user = |(_, subject): &(_, Subject)| matches!(subject, Subject::User(named) if named.id == user.id);
        let parent = parents.get(&message.row.thread_id).filter(|_| message.user.is_some());
        let channel = mentioned_channels(&message).find(|id| joined.contains(id)).and_then(|id| channels.get(&id));
        let occasion = if message.mentions.iter().any(names_user) {
            Occasion::MentionedUser(Box::new(user.clone()))
        } else if let Some(channel) = channel {
            Occasion::MentionedChannel(Box::new(channel.clone()))
        } else if let Some(parent) = parent {
            Occasion::Replied { parent: Box::new(parent.clone()) }
        } else {
            Occasion::Sent
        };
        let (channel, read_time) = (channels.get(&message.row.channel_id)?.clone(), read.get(&message.id()).copied());
        Some(Notice { message, channel, occasion, read_time })
    };
    Ok(messages.into_iter().filter_map(notice).collect())
}

/// The channels that a message mentions.
fn mentioned_channels(message: &Message) -> impl Iterator<Item = i64> {
    message.mentions.iter().filter_map(|(_, subject)| match subject {
        Subject::Channel { row, .. } => Some(row.id),
        Subject::User(_) => None,
    })
}

/// The messages of a user that some of these messages reply to, by the thread of the replies.
fn parents(tx: &Tx<'_>, user: &UserRow, messages: &[Message]) -> Result<HashMap<i64, Message>, StoreError> {
    let application = user.application_id;
    let replies = messages.iter().filter(|message| message.row.nested_level > 0);
    let hanging: BTreeSet<i64> = replies.map(|message| message.row.thread_id).collect();
    let mut threads_of = HashMap::new();
    for id in hanging {
        let thread = threads::get(tx, application, id)?;
        threads_of.extend(thread.and_then(|thread| thread.message_id).map(|message| (message, id)));
    }
    let ids: Vec<i64> = threads_of.keys().copied().collect();
    let mut rows = messages::find_by_ids(tx, application, &ids)?;
    rows.retain(|row| row.user_id == Some(user.id));
    let by_thread = |message: Message| threads_of.get(&message.id()).map(|thread| (*thread, message));
    Ok(complete(tx, application, rows)?.into_iter().filter_map(by_thread).collect())
}

/// A notification as the wire has it.
fn represent(notice: Notice, recipient: i64, urls: &Urls) -> NotificationResource {
    let Notice { message, channel, occasion, read_time } = notice;
    let id = message.id();
    let links = NotificationLinks {
        recipient: urls.item("users", recipient),
        message: urls.item("messages", id),
        channel: urls.item("channels", message.row.channel_id),
        application: urls.application(),
    };
    NotificationResource {
        id,
        title: title(&message, &occasion),
        body: message.row.body.clone().unwrap_or_else(|| "File attachment".to_owned()),
        // Nothing here mutes a channel for a user.
        muted: false,
        created_time: Timestamp::from_millis(message.row.created_time),
        read_time: read_time.map(Timestamp::from_millis),
        channel: channels::represent(channel, urls),
        data: represent_data(message, occasion, urls),
        links,
    }
}

/// What happened, in a few words.
fn title(message: &Message, occasion: &Occasion) -> String {
    let sender = message.user.as_ref().map(|user| &user.display_name);
    match (occasion, sender) {
        (Occasion::MentionedUser(_), Some(sender)) => format!("{sender} mentioned you"),
        (Occasion::MentionedUser(_), None) => "You were mentioned".to_owned(),
        (Occasion::MentionedChannel(channel), sender) => {
            let name = channel.row.display_name.as_deref().unwrap_or_default();
            sender.map_or_else(|| format!("{name} was mentioned"), |sender| format!("{sender} mentioned {name}"))
        }
        (Occasion::Replied { .. }, Some(sender)) => format!("{sender} replied to your message"),
        (_, Some(sender)) => format!("{sender} sent a message"),
        (_, None) => "System message sent".to_owned(),
    }
}

fn represent_data(message: Message, occasion: Occasion, urls: &Urls) -> NotificationData {
    let (channel_id, relays, of_user) = (message.row.channel_id, Map::new(), message.user.is_some());
    let message = represent_message(message, urls);
    match occasion {
        Occasion::MentionedUser(user) => {
            let mentioned_user = users::represent(*user, urls);
            let type_ = Default::default();
            ChatUserMentionedChatUserNotificationData { type_, channel_id, message, mentioned_user, relays }.into()
        }
        Occasion::MentionedChannel(channel) => {
            let mentioned_channel = channels::represent(*channel, urls);
            let type_ = Default::default();
            ChatUserMentionedChannelNotificationData { type_, channel_id, message, mentioned_channel, relays }.into()
        }
        Occasion::Replied { parent } => {
            let parent = represent_message(*parent, urls);
            let type_ = Default::default();
            ChatUserRepliedToChatUserMessageNotificationData { type_, channel_id, message, parent, relays }.into()
        }
        Occasion::Sent if of_user => {
            let type_ = Default::default();
            ChatUserSentChatUserMessageNotificationData { type_, channel_id, message, relays }.into()
        }
        Occasion::Sent => {
            let type_ = Default::default();
            ApplicationSentSystemMessageNotificationData { type_, channel_id, message, relays }.into()
        }
    }
}
