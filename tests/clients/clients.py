"""Asks Tidegate with Google's client, a client of Perspective, and OpenAI's."""

import os

import openai
from googleapiclient import discovery
from googleapiclient.errors import HttpError
from perspective.api_client import APIClient

API, KEY, KEYLESS = os.environ["API"], os.environ["KEY"], os.environ["KEYLESS"]
THREAT = "i know where you live and i will hurt you"


def check(what, true, seen):
    """Says what was seen, and ends where it is wrong."""
    if not true:
        raise SystemExit(f"FAIL {what}: {seen}")
    print(f"ok   {what}: {seen}")


def google():
    client = discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey=KEY,
        discoveryServiceUrl=f"{API}/$discovery/rest?version=v1alpha1",
        static_discovery=False,
    )
    body = {
        "comment": {"text": f"Good evening. {THREAT}!"},
        "requestedAttributes": {"TOXICITY": {}, "THREAT": {"scoreThreshold": 0.5}},
        "spanAnnotations": True,
        "doNotStore": True,
        "clientToken": "t1",
    }
    answer = client.comments().analyze(body=body).execute()
    threat = answer["attributeScores"]["THREAT"]
    spans = [(s["begin"], s["end"], s["score"]["value"] > 0.5) for s in threat["spanScores"]]
    value = threat["summaryScore"]["value"]
    check("google-api-python-client, threat", value > 0.7, value)
    check("google-api-python-client, spans", spans == [(0, 13, False), (14, 56, True)], spans)
    check("google-api-python-client, token", answer["clientToken"] == "t1", answer["clientToken"])
    suggested = client.comments().suggestscore(
        body={
            "comment": {"text": "good evening"},
            "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}},
            "clientToken": "t2",
        }
    )
    told = suggested.execute()
    check("google-api-python-client, suggestion", told["clientToken"] == "t2", told)
    bad = {"comment": {"text": ""}, "requestedAttributes": {"TOXICITY": {}}}
    try:
        client.comments().analyze(body=bad).execute()
    except HttpError as error:
        kind = error.error_details[0]["errorType"]
        good = (error.resp.status, error.reason, kind)
        expected = (400, "Comment must be non-empty.", "COMMENT_EMPTY")
        check("google-api-python-client, error", good == expected, good)
    else:
        check("google-api-python-client, error", False, "an empty comment was scored")


def perspective():
    client = APIClient(KEY)
    client.url = API + "/v1alpha1/{endpoint}"
    body = {"comment": {"text": THREAT}, "requestedAttributes": {"THREAT": {}}}
    answer = client.request(body, "comments:analyze")
    value = answer["attributeScores"]["THREAT"]["summaryScore"]["value"]
    check("perspective (PyPI)", value > 0.7, value)


def openai_moderations():
    client = openai.OpenAI(api_key=KEY, base_url=f"{API}/v1", max_retries=0)
    answer = client.moderations.create(
        model="omni-moderation-latest", input=["good evening", THREAT]
    )
    flagged = [result.flagged for result in answer.results]
    check("openai (PyPI), flagged", flagged == [False, True], flagged)
    result = answer.results[1]
    check("openai (PyPI), violence", result.categories.violence, result.category_scores.violence)
    types = result.category_applied_input_types.violence
    check("openai (PyPI), input types", types == ["text"], types)
    check("openai (PyPI), id and model", answer.id.startswith("modr-"), answer.model)
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    try:
        client.moderations.create(input=[{"type": "text", "text": "look"}, picture])
    except openai.BadRequestError as error:
        check("openai (PyPI), a picture", error.param == "input[1].type", error.code)
    else:
        check("openai (PyPI), a picture", False, "it was passed over")
    if KEYLESS:
        return
    try:
        stranger = openai.OpenAI(api_key="guess", base_url=f"{API}/v1", max_retries=0)
        stranger.moderations.create(input="good evening")
    except openai.AuthenticationError as error:
        check("openai (PyPI), a wrong key", error.code == "invalid_api_key", error.status_code)
    else:
        check("openai (PyPI), a wrong key", False, "it was answered")


google()
perspective()
openai_moderations()
