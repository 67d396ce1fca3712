"""Any Hugging Face checkpoint as a channel: what ``transformers:PATH_OR_ID`` names, found, checked, loaded and read in our labels.

    spec     ``transformers:PATH?labels=neutral,joy,-`` taken apart
    folder   the checkpoint's folder, here or fetched, and what in it makes it usable
    labels   its labels as ours: what is merged, what is dropped, what it cannot say
    load     the network in memory, on a device, in a precision

The channels themselves are `convemo.text.transformers` and `convemo.acoustic.transformers`; the user's page is docs/transformers.md.
"""
