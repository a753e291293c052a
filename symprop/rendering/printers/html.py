class HtmlPage:
    def __init__(self, document, names): pass
