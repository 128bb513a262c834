"""A browser without a window, driven over the WebDriver protocol (w3.org/TR/webdriver2): headless
Chromium and its driver, on this machine alone."""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

DRIVER = 'chromedriver'
BROWSER = 'chromium'
ARGUMENTS = [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-dev-shm-usage', '--hide-scrollbars',
]


def available():
    return shutil.which(DRIVER) is not None and shutil.which(BROWSER) is not None


class Browser:
    """One session. To be used in a `with` statement: it ends driver and browser."""

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix='lutra-browser-')
        self.driver = subprocess.Popen(
            [DRIVER, '--port=0', '--log-level=SEVERE'], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            port = next(match.group(1) for line in self.driver.stdout
                        if (match := re.search(r'started successfully on port (\d+)', line)))
            self.base = f'http://127.0.0.1:{port}'
            self.base += '/session/' + self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        options = {'binary': shutil.which(BROWSER),
                   'args': [*ARGUMENTS, f'--user-data-dir={self.profile.name}']}
        wanted = {'browserName': 'chrome', 'goog:chromeOptions': options,
                  'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'}}
        return self.ask('POST', '/session', {'capabilities': {'alwaysMatch': wanted}})['sessionId']

    def __exit__(self, *_):
        try:
            if '/session/' in getattr(self, 'base', ''):
                self.ask('DELETE', '')
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=20)
            self.driver.stdout.close()
            self.profile.cleanup()

    def ask(self, method, path, body=None):
        data = None if method in ('GET', 'DELETE') else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={'Content-Type': 'application/json'})
        # The driver is here: no proxy that the environment names has a say.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)['value']['message']) from error

    def open(self, page):
        self.ask('POST', '/url', {'url': pathlib.Path(page).resolve().as_uri()})

    def run(self, script, *arguments):
        """The value of a function body."""
        return self.ask('POST', '/execute/sync', {'script': script, 'args': list(arguments)})

    def devtools(self, command, **parameters):
        return self.ask('POST', '/goog/cdp/execute', {'cmd': command, 'params': parameters})

    def show(self, width, height=900, scheme='light', media='screen'):
        """Sets what the page is shown on; also narrower than the least window."""
        self.devtools('Emulation.setDeviceMetricsOverride', width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 500)
        self.devtools('Emulation.setEmulatedMedia', media=media,
                      features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def log(self, kind):
        return self.ask('POST', '/se/log', {'type': kind})

    def requests(self):
        """The addresses of everything that was asked for since the last call."""
        asked = []
        for entry in self.log('performance'):
            message = json.loads(entry['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                asked.append(message['params']['request']['url'])
        return asked

    def picture(self, whole_page=True):
        """What is shown, as PNG."""
        return base64.b64decode(self.devtools('Page.captureScreenshot', format='png',
                                              captureBeyondViewport=whole_page)['data'])

    def paper(self):
        """The page as PDF."""
        self.devtools('Emulation.setEmulatedMedia', media='')
        return base64.b64decode(self.devtools('Page.printToPDF', printBackground=False,
                                              preferCSSPageSize=True, paperWidth=8.27,
                                              paperHeight=11.69)['data'])
