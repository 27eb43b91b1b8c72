"""Speaks to the played Twitch with a client that others wrote, as Tidegate's bot does."""

import asyncio
import json
import sys
import urllib.request

from twitchAPI.eventsub.websocket import EventSubWebsocket
from twitchAPI.oauth import refresh_access_token
from twitchAPI.twitch import Twitch
from twitchAPI.type import AuthScope, AutoModAction

where = json.loads(sys.argv[1])
base = where["api_url"].removesuffix("/helix")
passed = 0


def check(what, seen, expected):
    global passed
    if seen != expected:
        sys.exit(f"FAILED {what}: {seen!r} is not {expected!r}")
    passed += 1
    print(f"ok {what}")


def play(what, **body):
    request = urllib.request.Request(
        f"{base}/fake/{what}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def main():
    auth = where["auth_url"] + "/"
    token, refresh = await refresh_access_token(
        where["refresh_token"], where["client_id"], where["client_secret"], auth_base_url=auth
    )
    check("a refresh token is changed", refresh == where["refresh_token"], False)
    twitch = await Twitch(
        where["client_id"],
        where["client_secret"],
        authenticate_app=False,
        base_url=where["api_url"] + "/",
        auth_base_url=auth,
    )
    scopes = [
        AuthScope.USER_READ_CHAT,
        AuthScope.MODERATOR_MANAGE_AUTOMOD,
        AuthScope.MODERATOR_MANAGE_CHAT_MESSAGES,
        AuthScope.MODERATOR_MANAGE_BANNED_USERS,
        AuthScope.MODERATOR_MANAGE_WARNINGS,
    ]
    await twitch.set_user_authentication(token, scopes, refresh)
    users = [user async for user in twitch.get_users(logins=[where["login"]])]
    check("a broadcaster is found", [user.id for user in users], [where["channel"]])

    said, held = asyncio.Queue(), asyncio.Queue()
    here = asyncio.get_running_loop()
    events = EventSubWebsocket(twitch, connection_url=where["eventsub_url"], callback_loop=here)
    events.start()
    await events.listen_channel_chat_message(where["channel"], where["bot"], said.put)
    await events.listen_automod_message_hold(where["channel"], where["bot"], held.put)

    id = play("say", user="7", text="a \U0001f602 message")["id"]
    event = (await asyncio.wait_for(said.get(), 20)).event
    seen = (event.message_id, event.chatter_user_id, event.message.text, event.cheer)
    check("a message is heard", seen, (id, "7", "a \U0001f602 message", None))
    await twitch.delete_chat_message(where["channel"], where["bot"], id)
    await twitch.ban_user(where["channel"], where["bot"], "7", "a reason", 60)

    id = play("hold", user="8", text="a held one", category="swearing")["id"]
    event = (await asyncio.wait_for(held.get(), 20)).event
    check("a held message is heard", (event.message_id, event.category, event.level), (id, "swearing", 4))
    await twitch.manage_held_automod_message(where["bot"], id, AutoModAction.ALLOW)

    told = play("done")
    check("it is all done", [done[0] for done in told["done"]], ["delete", "time_out", "allow"])
    check("nothing was strange", told["wrong"], [])
    await events.stop()
    await twitch.close()
    print(f"{passed} passed, 0 failed")


asyncio.run(asyncio.wait_for(main(), 120))
