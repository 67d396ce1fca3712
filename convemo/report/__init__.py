"""Pages for people: one call, or a folder of results. One self-contained HTML file each, which fetches nothing.

page        the frame: policy, styles, what is escaped and how
call        the page of one call (`write`, behind ``analysis.save("call.html")``)
timeline    its drawings
transcript  its words
story       what is said of it in sentences
overview    the page of a batch
folder      what the overview reads
"""
