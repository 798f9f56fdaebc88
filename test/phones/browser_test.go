package phones

func closeBrowser() {}
