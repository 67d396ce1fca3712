"""The channel of a language model: what it answers when it is asked which emotion an utterance expresses.

base           what an engine is asked and what it answers
openai         a server that speaks OpenAI's protocol: vLLM, SGLang, llama.cpp, Ollama
transformers   a checkpoint's folder, in this process
vllm           vLLM, in this process
prompt         the file that says how is asked
transcript     speech made safe to put into a prompt
questions      the questions of a dialogue
channel        the answers as a channel's scores
"""
