"""Calls every operation that the vendor's Python SDK has, unmodified, and writes what came of it.

One JSON object a line: the operation's id, and `passed`, `failed` with the error, or `broken` where the SDK itself
cannot send the request or read a right answer, whatever a server does. The SDK checks types, required properties and
enums of every answer strictly; an operation passes if the call returns and the answer holds what was asked for.
"""

import base64
import json
import os
import urllib.parse
import urllib.request

import openapi_client
from openapi_client.api.application_api import ApplicationApi
from openapi_client.api.channels_api import ChannelsApi
from openapi_client.api.imports_api import ImportsApi
from openapi_client.api.jobs_api import JobsApi
from openapi_client.api.messages_api import MessagesApi
from openapi_client.api.threads_api import ThreadsApi
from openapi_client.api.users_api import UsersApi
from openapi_client.model.application_resource import ApplicationResource
from openapi_client.model.application_settings_properties import ApplicationSettingsProperties
from openapi_client.model.channel_invite_resource import ChannelInviteResource
from openapi_client.model.channel_properties_patch import ChannelPropertiesPatch
from openapi_client.model.channel_resource import ChannelResource
from openapi_client.model.chat_user_properties_patch import ChatUserPropertiesPatch
from openapi_client.model.chat_user_resource import ChatUserResource
from openapi_client.model.create_channel_generic_event_resource import CreateChannelGenericEventResource
from openapi_client.model.create_external_file_properties import CreateExternalFileProperties
from openapi_client.model.create_person_chat_user_resource import CreatePersonChatUserResource
from openapi_client.model.message_resource import MessageResource
from openapi_client.model.secret_resource import SecretResource

URL = os.environ["CHATKITTY_URL"]


def token():
    """The SDK has no client for tokens, so this is the request of its documentation."""
    credentials = f"{os.environ['CHATKITTY_CLIENT_ID']}:{os.environ['CHATKITTY_CLIENT_SECRET']}"
    form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
    request = urllib.request.Request(f"{URL}/oauth/token", form)
    request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["access_token"]


client = openapi_client.ApiClient(openapi_client.Configuration(host=URL, access_token=token()))
application, channels, users = ApplicationApi(client), ChannelsApi(client), UsersApi(client)
messages, threads, imports, jobs = MessagesApi(client), ThreadsApi(client), ImportsApi(client), JobsApi(client)

served = set()
with urllib.request.urlopen(f"{URL}/openapi.json") as answer:
    for path in json.load(answer)["paths"].values():
        served |= {operation["operationId"] for operation in path.values() if "operationId" in operation}

RECURSES = "the SDK recurses without end before it sends"
AMBIGUOUS = "the SDK takes both kinds of user reference for right, and refuses its own request"


def report(operation, result, detail=None):
    print(json.dumps({"operation": operation, "result": result, "detail": detail}), flush=True)


def call(operation, send, holds=lambda answer: True):
    """Reports an operation; gives its answer, or nothing."""
    if operation not in served:
        return report(operation, "absent")
    try:
        answer = send()
        if holds(answer):
            report(operation, "passed")
        else:
            report(operation, "failed", f"the answer lacks what was asked for: {answer}")
        return answer
    except Exception as error:  # Whatever a user of the SDK would see.
        return report(operation, "failed", f"{type(error).__name__}: {error}"[:600])


def broken(operation, why, send=None):
    """An operation that the SDK breaks. Where its lower level can send it, the answer is checked all the same."""
    if operation not in served:
        return report(operation, "absent")
    try:
        answer = send() if send else None
        report(operation, "broken", why + ("; sent by its lower level, the answer passes its checks" if send else ""))
        return answer
    except Exception as error:
        return report(operation, "failed", f"{type(error).__name__}: {error}"[:600])


def post(path, body, model, **path_values):
    """The SDK's lower level, which sends what it is given and checks the answer as strictly."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    for name, value in path_values.items():
        path = path.replace("{" + name + "}", str(value))
    auth = ["application_authorization"]
    return client.call_api(
        path, "POST", header_params=headers, body=body, response_type=(model,), auth_settings=auth,
        _check_type=True, _return_http_data_only=True,
    )


def embedded(answer, collection):
    return answer.embedded[collection] if "embedded" in answer else []


# The application.
call("retrieveAuthenticatedApplication", application.retrieve_authenticated_application, lambda a: a.id > 0)
call("retrieveAuthenticatedApplicationSettings", application.retrieve_authenticated_application_settings)
call(
    "updateAuthenticatedApplicationSettings",
    lambda: application.update_authenticated_application_settings(
        application_settings_properties=ApplicationSettingsProperties(guest_users="ENABLED")
    ),
    lambda a: a.guest_users == "ENABLED",
)

# Users.
ada = call(
    "createUser",
    lambda: users.create_user(
        create_person_chat_user_resource=CreatePersonChatUserResource(
            name="ada", display_name="Ada Lovelace", is_guest=False, properties={"Born": {"inYear": 1815}}
        )
    ),
    lambda user: user.name == "ada" and user.properties == {"Born": {"inYear": 1815}},
)
grace = users.create_user(
    create_person_chat_user_resource=CreatePersonChatUserResource(name="grace", display_name="Grace", is_guest=True)
)
call("listUsers", lambda: users.retrieve_users(page=0, size=25, sort=["id,desc", "name"], name="ada"))
call("retrieveUser", lambda: users.retrieve_user(ada.id), lambda user: user.display_name == "Ada Lovelace")
call("updateUser", lambda: users.update_user(ada.id))
call(
    "updateUser",
    lambda: users.update_user(
        ada.id,
        chat_user_properties_patch=ChatUserPropertiesPatch(display_name="Countess", properties={"a": 1}),
        _content_type="application/json+merge-patch",
    ),
    lambda user: user.display_name == "Countess",
)
broken(
    "checkUserExists",
    "the SDK expects a typed answer to HEAD, which has no body",
    lambda: users.check_user_exists("ada", _preload_content=False),
)
call(
    "updateUserDisplayPicture",
    lambda: users.update_user_display_picture(
        ada.id,
        create_external_file_properties=CreateExternalFileProperties(
            url="https://example.com/ada.png", name="ada.png", content_type="image/png", size=2048
        ),
        _content_type="application/json",
    ),
    lambda user: user.display_picture_url == "https://example.com/ada.png",
)
secret = SecretResource(secret={"token": "s3cret"})
call("setUserSecret", lambda: users.set_user_secret(ada.id, "na me/x", secret), lambda user: user.id == ada.id)
call(
    "retrieveUserSecret",
    lambda: users.retrieve_user_secret(ada.id, "na me/x"),
    lambda found: found.secret == {"token": "s3cret"},
)
call("removeUserSecret", lambda: users.remove_user_secret(ada.id, "na me/x"), lambda user: user.id == ada.id)

# Channels.
lobby = broken(
    "createChannel",
    RECURSES,
    lambda: post("/v1/channels", {"type": "PUBLIC", "name": "sdk-lobby"}, ChannelResource),
)
direct = post(
    "/v1/channels",
    {"type": "DIRECT", "members": [{"id": ada.id}, {"username": "grace"}]},
    ChannelResource,
)
call("listChannels", lambda: channels.retrieve_channels(page=0, size=25, sort=["id,desc"], type="PUBLIC"))
call("listChannels", lambda: channels.retrieve_channels(members=["ada", "grace"]))
call("retrieveChannel", lambda: channels.retrieve_channel(lobby.id), lambda channel: channel.name == "sdk-lobby")
call("retrieveChannel", lambda: channels.retrieve_channel(direct.id), lambda channel: len(channel.members) == 2)
call("updateChannel", lambda: channels.update_channel(lobby.id))
call(
    "updateChannel",
    lambda: channels.update_channel(
        lobby.id,
        channel_properties_patch=ChannelPropertiesPatch(display_name="The lobby"),
        _content_type="application/json+merge-patch",
    ),
    lambda channel: channel.display_name == "The lobby",
)
for reference in ({"id": ada.id}, {"username": "grace"}):
    broken(
        "addChannelMember",
        AMBIGUOUS,
        lambda: post("/v1/channels/{id}/members", reference, ChannelResource, id=lobby.id),
    )
call(
    "listChannelMembers",
    lambda: channels.retrieve_channel_members(lobby.id),
    lambda page: {user["name"] for user in embedded(page, "users")} == {"ada", "grace"},
)
call("listChannelMemberships", lambda: channels.retrieve_channel_memberships(lobby.id))
call("listChannelParticipants", lambda: channels.retrieve_channel_participants(lobby.id))
broken(
    "addChannelModerator",
    AMBIGUOUS,
    lambda: post("/v1/channels/{id}/moderators", {"id": ada.id}, ChatUserResource, id=lobby.id),
)
call("removeChannelMember", lambda: channels.remove_channel_member(lobby.id, grace.id))
broken(
    "sendChannelInvite",
    AMBIGUOUS,
    lambda: post("/v1/channels/{id}/invites", {"user": {"id": grace.id}}, ChannelInviteResource, id=lobby.id),
)
call(
    "listChannelInvites",
    lambda: channels.retrieve_channel_invites(lobby.id),
    lambda page: len(embedded(page, "invites")) == 1,
)
call(
    "sendChannelEvent",
    lambda: channels.send_channel_event(
        lobby.id, CreateChannelGenericEventResource(type="my.event", properties={"x": 1})
    ),
    lambda event: event.type == "my.event",
)

# Messages and threads.
sent = broken(
    "sendChannelMessage",
    RECURSES,
    lambda: post(
        "/v1/channels/{id}/messages",
        {"type": "TEXT", "body": "Hello <@grace>, see https://example.com and <#sdk-lobby>", "user": {"id": ada.id}},
        MessageResource,
        id=lobby.id,
    ),
)
post("/v1/channels/{id}/messages", {"type": "TEXT", "body": "From the application"}, MessageResource, id=lobby.id)
file = {"url": "https://example.com/a.png", "name": "a.png", "contentType": "image/png", "size": 1}
post("/v1/channels/{id}/messages", {"type": "FILE", "file": file}, MessageResource, id=lobby.id)
call(
    "listChannelMessages",
    lambda: channels.retrieve_channel_messages(lobby.id, size=10),
    lambda page: len(embedded(page, "messages")) == 3,
)
call("listMessages", lambda: messages.retrieve_messages(size=1), lambda page: page.page.size == 1)
call("retrieveMessage", lambda: messages.retrieve_message(sent.id), lambda message: message.id == sent.id)
call("listMessageReadReceipts", lambda: messages.retrieve_message_read_receipts(sent.id))
call("listUserMessages", lambda: users.retrieve_user_messages(ada.id), lambda page: len(embedded(page, "messages")) == 1)
call("listUserChannels", lambda: users.retrieve_user_channels(ada.id), lambda page: len(embedded(page, "channels")) > 1)


def say(body, user=None, path="/v1/channels/{id}/messages", id=lobby.id):
    sender = {"user": {"id": user.id}} if user else {}
    return post(path, {"type": "TEXT", "body": body, **sender}, MessageResource, id=id)


# One notification of every type, as the SDK checks each by its own schema.
post("/v1/channels/{id}/members", {"id": grace.id}, ChannelResource, id=lobby.id)
request = urllib.request.Request(f"{URL}/v1/messages/{say('Hello', grace).id}/thread")
request.add_header("Authorization", f"Bearer {client.configuration.access_token}")
with urllib.request.urlopen(request) as answer:
    say("Hello to you", ada, "/v1/threads/{id}/messages", json.load(answer)["id"])
say("Hello, all")
say("Hello, <@grace>", ada)
say("Hello, <#sdk-lobby>", ada)
say("Hello, everybody", ada)
call(
    "listUserNotifications",
    lambda: users.retrieve_user_notifications(grace.id, size=5),
    lambda page: [told.data.type for told in embedded(page, "notifications")]
    == [
        "USER:SENT:MESSAGE",
        "USER:MENTIONED:CHANNEL",
        "USER:MENTIONED:USER",
        "SYSTEM:SENT:MESSAGE",
        "USER:REPLIED_TO:MESSAGE",
    ],
)
call(
    "listUserMessages",
    lambda: users.retrieve_user_messages(grace.id, unread=True, size=2),
    lambda page: [message.body for message in embedded(page, "messages")] == ["Hello, everybody", "Hello, <#sdk-lobby>"],
)
thread = call("deleteMessage", lambda: messages.delete_message(sent.id), lambda thread: thread.id > 0)
if thread is not None:
    call("retrieveThread", lambda: threads.retrieve_thread(thread.id), lambda found: found.id == thread.id)
    broken(
        "sendThreadMessage",
        RECURSES,
        lambda: post("/v1/threads/{id}/messages", {"type": "TEXT", "body": "A reply"}, MessageResource, id=thread.id),
    )
    call("listThreadMessages", lambda: threads.retrieve_thread_messages(thread.id))

# Imports and jobs.
broken("importChannels", RECURSES)
broken("importMessages", RECURSES)
TEXT = "the SDK sends Python text that is not JSON"
broken("importUsers", TEXT)
broken("importChannelMembers", TEXT)
if "importUsers" in served:
    boundary, part = "b0undary", json.dumps([{"name": "mary", "displayName": "Mary", "isGuest": False}])
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="users.json"\r\n'
        f"Content-Type: application/json\r\n\r\n{part}\r\n--{boundary}--\r\n"
    )
    request = urllib.request.Request(f"{URL}/v1/imports/users", body.encode(), method="POST")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    request.add_header("Authorization", f"Bearer {client.configuration.access_token}")
    with urllib.request.urlopen(request) as answer:
        job = json.load(answer)["id"]
    call("retrieveJob", lambda: jobs.retrieve_job(job), lambda found: found.id == job)
call("listJobs", lambda: jobs.retrieve_jobs(running=True))

# What deletes comes last.
call("deleteMessages", messages.delete_messages, lambda found: found.id > 0)
call("deleteChannel", lambda: channels.delete_channel(lobby.id), lambda found: isinstance(found, ApplicationResource))
call("deleteUser", lambda: users.delete_user(grace.id), lambda found: isinstance(found, ApplicationResource))
