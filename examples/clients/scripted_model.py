"""A model that says what it is told to say, so that agents can be run without a key.

Each turn of the script is a text, or the call of a tool. A turn may be a function of what the tools have answered so
far; that is how one agent's answer becomes the next one's question.
"""

from collections.abc import AsyncGenerator, Callable

from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

Turn = str | tuple[str, dict]


class ScriptedModel(BaseLlm):
    model: str = "scripted"
    turns: list[Turn | Callable[[list[dict]], Turn]]

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        answers = [
            part.function_response.response
            for content in llm_request.contents
            for part in content.parts or []
            if part.function_response
        ]
        turn = self.turns.pop(0)
        if callable(turn):
            turn = turn(answers)
        if isinstance(turn, str):
            part = types.Part(text=turn)
        else:
            part = types.Part(function_call=types.FunctionCall(name=turn[0], args=turn[1]))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))
