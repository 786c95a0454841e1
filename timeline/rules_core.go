package timeline

// coreRules are for requests that the ASP.NET Core Module or a module like it sent on.
var coreRules = []rule{}

// servedRules are for requests that came in to ASP.NET Core, or to Azure App Service.
var servedRules = []rule{}
