import RoostServer
print("")
